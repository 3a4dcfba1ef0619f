package doctor

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"bulkhead/supervisor/control"
)

// programsShown and victimsShown are the rows of the tables.
const (
	programsShown = 10
	victimsShown  = 3
)

// Print writes the report as text.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	b.WriteString("\n")
	r.table(&b)
	b.WriteString("\n")
	if len(r.Findings) == 0 {
		b.WriteString("Nothing to say: nothing here is about to run out of memory.\n")
	}
	printFindings(&b, r.Findings)
	_, err := io.WriteString(w, b.String())
	return err
}

func printFindings(b *strings.Builder, all []Finding) {
	for i, f := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "%s: %s\n", f.Severity, f.Title)
		for _, fact := range f.Facts {
			fmt.Fprintf(b, "    %s\n", fact)
		}
		for _, advice := range f.Advice {
			fmt.Fprintf(b, "    -> %s\n", advice)
		}
	}
}

func (r *Report) head(b *strings.Builder) {
	m := r.Host.Memory
	fmt.Fprintf(b, "memory    %s, available %s (%.0f%%); %s\n", control.Size(m.Total), control.Size(m.Available), 100*m.Share(), swapText(m))
	if p := r.Host.Pressure; p != nil {
		fmt.Fprintf(b, "pressure  some %.1f%%, all %.1f%% of the last 10 s; %.1f%%, %.1f%% of 60 s; %.1f%%, %.1f%% of 300 s\n",
			p.Some[0], p.Full[0], p.Some[1], p.Full[1], p.Some[2], p.Full[2])
	} else {
		b.WriteString("pressure  not kept by this kernel; psi=1 on its command line may help\n")
	}
	switch {
	case r.Readings < 2:
		b.WriteString("change    unknown, from one reading\n")
	case !r.Room.Sure() || math.Abs(r.Room.Total) < 1<<20:
		fmt.Fprintf(b, "change    none to be told from noise, in %s\n", spanText(r.Span))
	default:
		verb := "rose"
		if r.Room.PerMinute < 0 {
			verb = "fell"
		}
		fmt.Fprintf(b, "change    available memory and free swap %s by %s a minute, in %s", verb, rateText(r.Room), spanText(r.Span))
		if r.falls() {
			fmt.Fprintf(b, ": full in %s if that goes on", spanText(untilFull(m.Room(), -r.Room.PerMinute)))
		}
		b.WriteString("\n")
	}
	for i, v := range r.Victims {
		if i == victimsShown {
			break
		}
		label := ""
		if i == 0 {
			label = "OOM takes"
		}
		fmt.Fprintf(b, "%-9s %d. %s, pid %d: %s, oom_score %s, oom_score_adj %d\n", label, i+1, v.Program, v.PID, control.Size(v.size()), scoreText(v.OOMScore), v.OOMScoreAdj)
	}
	if r.Host.Hidden {
		b.WriteString("hidden    only some processes are shown to this user (hidepid): run it as root\n")
	} else if r.Host.Unmeasured > 0 {
		fmt.Fprintf(b, "no PSS    of %s, which this user may not read: ?; RSS counts a shared page in each process\n", processes(r.Host.Unmeasured))
	}
}

func (r *Report) table(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROGRAM\tCOUNT\tRSS\tPSS\tSWAP\tA MINUTE")
	var rest Program
	hidden := 0
	for i, p := range r.Programs {
		if i < programsShown {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", p.Name, len(p.Processes), control.Size(p.RSS), pssText(p.Pss), control.Size(p.Swap), growthText(p.Growth))
			continue
		}
		hidden++
		rest.Processes = append(rest.Processes, p.Processes...)
		rest.RSS, rest.Swap = rest.RSS+p.RSS, rest.Swap+p.Swap
		if p.Pss == unknown || rest.Pss == unknown {
			rest.Pss = unknown
		} else {
			rest.Pss += p.Pss
		}
	}
	if hidden > 0 {
		fmt.Fprintf(w, "%d more programs\t%d\t%s\t%s\t%s\t\n", hidden, len(rest.Processes), control.Size(rest.RSS), pssText(rest.Pss), control.Size(rest.Swap))
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func swapText(m Memory) string {
	if m.SwapTotal == 0 {
		return "no swap"
	}
	return fmt.Sprintf("swap %s, free %s (%.0f%%)", control.Size(m.SwapTotal), control.Size(m.SwapFree), 100*float64(m.SwapFree)/float64(m.SwapTotal))
}

func pssText(n int64) string {
	if n == unknown {
		return "?"
	}
	return control.Size(n)
}

// growthText is "-" for what is no more than noise: a megabyte at least.
func growthText(g Growth) string {
	if !g.Sure() || math.Abs(g.Total) < 1<<20 {
		return "-"
	}
	return signedRate(g)
}

func signedRate(g Growth) string {
	sign := "+"
	if g.PerMinute < 0 {
		sign = "-"
	}
	text := sign + control.Size(int64(math.Abs(g.PerMinute)))
	if e := int64(g.Error); e >= 1<<10 && !math.IsInf(g.Error, 0) {
		text += " ±" + control.Size(e)
	}
	return text
}

// spanText is a time in its two largest units.
func spanText(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d >= 365*24*time.Hour:
		return "more than a year"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	unit, big, small := time.Second, "m", "s"
	if d.Round(time.Second) >= time.Hour {
		unit, big, small = time.Minute, "h", "m"
	}
	n := int(d.Round(unit) / unit)
	if n%60 == 0 {
		return fmt.Sprintf("%d%s", n/60, big)
	}
	return fmt.Sprintf("%d%s%d%s", n/60, big, n%60, small)
}

// top are the n programs of which there is most, without those that have none.
func top(all []Program, n int, amount func(Program) int64) []Program {
	all = slices.DeleteFunc(slices.Clone(all), func(p Program) bool { return amount(p) <= 0 })
	slices.SortStableFunc(all, func(a, b Program) int { return cmp.Compare(amount(b), amount(a)) })
	return all[:min(n, len(all))]
}
