package soak

import (
	"fmt"
	"syscall"
	"time"
)

// table is what a run comes to.
type table struct {
	kills, upgrades, refused      int
	orders, broken, again, denied int
	lines                         lineCount
	jobs                          jobCount
	missing, doubled              int
	afterKill, inUpgrade          time.Duration
}

func (s *soak) print() {
	b := &s.table
	row := func(what string, format string, args ...any) {
		fmt.Printf("  %-28s %s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Printf("soak, seed %d, %v:\n", s.plan.Seed, time.Since(s.began).Round(time.Second))
	row("kills, upgrades", "%d, %d (%d upgrades refused and asked for again)", b.kills, b.upgrades, b.refused)
	if b.jobs != (jobCount{}) {
		row("jobs", "%d pushed, %d finished, %d cut down by the kernel and given out again", b.jobs.pushed, b.jobs.finished, b.jobs.cut)
		row("jobs lost, run twice", "%d, %d", b.jobs.lost, b.jobs.twice)
	}
	row("lines", "%d of %d runs (%d ended by themselves), %d rotated files", b.lines.lines, b.lines.runs, b.lines.ended, b.lines.files)
	row("lines lost, twice, torn", "%d, %d, %d", b.lines.lost, b.lines.twice, b.lines.torn)
	row("instances missing, doubled", "%d, %d (census taken %d times)", b.missing, b.doubled, s.census.counts)
	row("orders", "%d given, %d of them again, %d refused; broken afterwards %d", b.orders, b.again, b.denied, b.broken)
	row("longest without control", "%v after a kill, %v in an upgrade", b.afterKill.Round(time.Millisecond), b.inUpgrade.Round(time.Millisecond))
	row("seed", "%d", s.plan.Seed)
	var own, rest syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &rest)
	row("processor time", "%v the harness, %v its children", cpu(own), cpu(rest))
}

func cpu(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Round(100 * time.Millisecond)
}
