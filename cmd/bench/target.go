package main

import (
	"fmt"
	"math"
	"strings"
)

// target is what bulkhead is to reach, and what it has.
type target struct {
	what, want string
	got        float64
	unit       string // of got, and where it was measured
	met        bool
}

// targets are those that something was measured for.
func targets(b book) []target {
	var all []target
	atMost := func(what, want string, got, most float64, unit string) {
		if !math.IsNaN(got) {
			all = append(all, target{what, want, got, unit, got <= most})
		}
	}
	atLeast := func(what, want string, got, least float64, unit string) {
		if !math.IsNaN(got) {
			all = append(all, target{what, want, got, unit, got >= least})
		}
	}
	const base = 200 // what the others are counted from
	atMost("start of 200", "≤ 1.5 × raw spawn", ratio(b.median("start", own, base), b.median("start", "raw", base)), 1.5, "×")
	if n, ok := beyond(b.ns("start", own), base); ok {
		each := func(n int) float64 { return b.median("start", own, n) / float64(n) }
		// A tenth is what medians of a shared machine are apart anyway.
		atMost(fmt.Sprintf("an instance of %s, to one of 200", thousands(n)), "the same cost (≤ 1.1 ×)", ratio(each(n), each(base)), 1.1, "×")
	}
	atMost("Pss at 200", "≤ 16 MiB", b.median("pss", own, base), 16, "MiB")
	if n, ok := beyond(b.ns("pss", own), base); ok {
		more := (b.median("pss", own, n) - b.median("pss", own, base)) * 1024 / float64(n-base)
		atMost(fmt.Sprintf("Pss of each further instance, up to %s", thousands(n)), "≤ 16 KiB", more, 16, "KiB")
	}
	if v, n := b.worst("idle cpu", own, 0.5); n > 0 {
		// Less than a tick (10 ms) in 30 s is what the kernel's own counters call 0.
		atMost("CPU time while idle, any N", "0 (< 0.33 ms/s: a tick in 30 s)", v, 0.33, "ms/s at "+thousands(n))
	}
	if v, n := b.worst("wake-ups", own, 0.5); n > 0 {
		atMost("wake-ups while idle, any N", "≤ 1 /s", v, 1, "/s at "+thousands(n))
	}
	atMost("status of 1,000", "≤ 15 ms", b.median("status", own, 1000), 15, "ms")
	if v, n := b.worst("crash", own, 0.5); n > 0 {
		atMost("crash to replacement, median", "≤ 3 ms", v, 3, "ms at "+thousands(n))
	}
	if v, n := b.worst("crash", own, 0.99); n > 0 {
		atMost("crash to replacement, 99 of 100", "≤ 10 ms", v, 10, "ms at "+thousands(n))
	}
	for _, w := range logWorks {
		who := "one noisy child"
		if w.n > 1 {
			who = fmt.Sprintf("%d noisy children", w.n)
		}
		const rival = "supervisord"
		atLeast("log throughput, "+who, "≥ 5 × supervisord", ratio(b.median(w.name, own, w.n), b.median(w.name, rival, w.n)), 5, "×")
		atMost("CPU per GB of log, "+who, "≤ 1/4 of supervisord's", ratio(b.median(w.name+" cpu", own, w.n), b.median(w.name+" cpu", rival, w.n)), 0.25, "×")
	}
	return all
}

// beyond is the largest of ns that is over base, where base was measured too.
func beyond(ns []int, base int) (n int, ok bool) {
	for _, k := range ns {
		ok = ok || k == base
		n = max(n, k)
	}
	return n, ok && n > base
}

// targetTable is what was to be reached, in Markdown.
func targetTable(all []target) string {
	if len(all) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString("### To reach\n\n| what | target | result | |\n|---|---|---:|---|\n")
	for _, t := range all {
		verdict := "reached"
		if !t.met {
			verdict = "**missed**"
		}
		fmt.Fprintf(&out, "| %s | %s | %s %s | %s |\n", t.what, t.want, number(t.got), t.unit, verdict)
	}
	return out.String()
}
