package doctor

import (
	"fmt"

	"bulkhead/supervisor/control"
)

// Shares of the host's memory at which what is available is little, and hardly any. Below
// scarce the lack of swap matters.
const (
	scarce = 0.25
	little = 0.10
	hardly = 0.05
)

// low says that memory is short right now.
func low(r *Report) []Finding {
	m := r.Host.Memory
	share := m.Share()
	if share >= little {
		return nil
	}
	f := Finding{Rule: "memory-low", Severity: Warning, Title: fmt.Sprintf("only %s of %s are available", control.Size(m.Available), control.Size(m.Total))}
	if share < hardly && (m.SwapTotal == 0 || m.swapFull()) {
		f.Severity = Serious
		f.Title += ", and there is no swap to go to"
	}
	r.largest(&f, "%s (%s) has %s", Program.Weight)
	r.adviseLess(&f)
	return []Finding{f}
}

// largest adds the three programs of which there is most, by that amount.
func (r *Report) largest(f *Finding, format string, amount func(Program) int64) {
	for _, p := range top(r.Programs, 3, amount) {
		f.fact(format, p.Name, processes(len(p.Processes)), control.Size(amount(p)))
	}
}
