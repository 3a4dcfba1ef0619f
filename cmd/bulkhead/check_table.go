package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// column is one column of check's table: a key of the config.
type column struct {
	key     string
	limits  func(conf.Limits) string  // of the instance's cgroup, and of the program's
	program func(conf.Program) string // of the program alone
}

func memory(of func(conf.Limits) conf.Bytes) func(conf.Limits) string {
	return func(l conf.Limits) string { return bytesText(of(l)) }
}

// bytesText is "" for what is not set or not limited, but a swap of 0 is a
// limit of its own, see swapText.
func bytesText(b conf.Bytes) string {
	if b == 0 || b == conf.Unlimited {
		return ""
	}
	return control.Size(int64(b))
}

func swapText(l conf.Limits) string {
	if l.MemorySwapMax == 0 {
		return "0"
	}
	return bytesText(l.MemorySwapMax)
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func cpuText(l conf.Limits) string {
	if l.CPUMax == 0 {
		return ""
	}
	return strconv.FormatFloat(l.CPUMax*100, 'f', -1, 64) + "%"
}

func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") { // 6h0m0s is 6h
		text = strings.TrimSuffix(strings.TrimSuffix(text, "0s"), "h0m")
		if !strings.HasSuffix(text, "m") {
			text += "h"
		}
	}
	return text
}

var columns = []column{
	{key: "memory_min", limits: memory(func(l conf.Limits) conf.Bytes { return l.MemoryMin })},
	{key: "memory_low", limits: memory(func(l conf.Limits) conf.Bytes { return l.MemoryLow })},
	{key: "memory_high", limits: memory(func(l conf.Limits) conf.Bytes { return l.MemoryHigh })},
	{key: "memory_max", limits: memory(func(l conf.Limits) conf.Bytes { return l.MemoryMax })},
	{key: "memory_swap_max", limits: swapText},
	{key: "cpu_weight", limits: func(l conf.Limits) string { return count(int64(l.CPUWeight)) }},
	{key: "cpu_max", limits: cpuText},
	{key: "io_weight", limits: func(l conf.Limits) string { return count(int64(l.IOWeight)) }},
	{key: "pids_max", limits: func(l conf.Limits) string { return count(l.PidsMax) }},
	{key: "oom_score_adj", program: func(p conf.Program) string { return count(int64(p.Process.OOMScoreAdj)) }},
	{key: "max_memory", program: func(p conf.Program) string { return bytesText(p.Recycle.MaxMemory) }},
	{key: "max_jobs", program: func(p conf.Program) string { return count(int64(p.Recycle.MaxJobs)) }},
	{key: "max_age", program: func(p conf.Program) string { return span(p.Recycle.MaxAge) }},
}

// limitsTable is each program's limits, and those of its total where there
// are any. Keys that no program uses have no column.
func limitsTable(cfg *conf.Config) [][]string {
	rows := [][]string{{"PROGRAM", "INSTANCES"}}
	for _, p := range cfg.Programs {
		rows = append(rows, []string{p.Name, strconv.Itoa(len(p.Instances))})
		if hasLimits(p.Total) {
			rows = append(rows, []string{p.Name + " (total)", ""})
		}
	}
	for _, c := range columns {
		cells := c.cells(cfg)
		if !anyText(cells) {
			continue
		}
		rows[0] = append(rows[0], c.key)
		for i, cell := range cells {
			rows[i+1] = append(rows[i+1], orDash(cell))
		}
	}
	return rows
}

func (c column) cells(cfg *conf.Config) []string {
	var cells []string
	for _, p := range cfg.Programs {
		if c.program != nil {
			cells = append(cells, c.program(p))
		} else {
			cells = append(cells, c.limits(p.Limits))
		}
		if !hasLimits(p.Total) {
			continue
		}
		if c.program != nil {
			cells = append(cells, "")
		} else {
			cells = append(cells, c.limits(p.Total))
		}
	}
	return cells
}

func hasLimits(l conf.Limits) bool {
	for _, c := range columns {
		if c.limits != nil && c.limits(l) != "" {
			return true
		}
	}
	return false
}

func anyText(cells []string) bool {
	for _, c := range cells {
		if c != "" {
			return true
		}
	}
	return false
}

// budget prints what of the host's memory is promised to whom.
func (a *app) budget(t conf.Table) {
	rows := [][]string{{"MEMORY", "EACH", "PROMISED"}}
	learned := slices.ContainsFunc(t.Rows, func(r conf.Row) bool { return r.Used > 0 })
	if learned {
		rows[0] = append(rows[0], "USED AT MOST", "SENSIBLE memory_max")
	}
	for _, r := range t.Rows {
		row := []string{r.Program, eachText(r), promisedText(r)}
		if learned {
			row = append(row, usedText(r), orDash(bytesText(r.Sensible())))
		}
		rows = append(rows, row)
	}
	rows = append(rows, []string{"all programs", "", control.Size(int64(t.Promised))})
	if t.Needed > 0 {
		rows = append(rows, []string{"needed without a limit", "", control.Size(int64(t.Needed))})
	}
	rows = append(rows, []string{"reserve", "", control.Size(int64(t.Reserve))})
	if t.MemoryTotal > 0 {
		rows = append(rows, []string{"host", "", control.Size(int64(t.MemoryTotal))})
		if t.Exceeded() {
			rows = append(rows, []string{"too much by", "", control.Size(int64(-t.Free()))})
		} else {
			rows = append(rows, []string{"left", "", control.Size(int64(t.Free()))})
		}
	}
	a.table(rows)
}

func eachText(r conf.Row) string {
	if r.Each == conf.Unlimited {
		return "-"
	}
	return fmt.Sprintf("%d x %s", r.Numprocs, control.Size(int64(r.Each)))
}

// usedText is what one instance has used at most.
func usedText(r conf.Row) string {
	text := orDash(bytesText(r.Used))
	if r.Need() > 0 && r.Numprocs > 1 {
		text = fmt.Sprintf("%d x %s", r.Numprocs, text)
	}
	return text
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func promisedText(r conf.Row) string {
	if r.Promised == conf.Unlimited {
		return "no limit"
	}
	return control.Size(int64(r.Promised))
}
