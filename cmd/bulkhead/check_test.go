package main

import (
	"testing"
	"time"

	"bulkhead/conf"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", time.Second: "1s", 90 * time.Second: "1m30s", time.Minute: "1m", 10 * time.Minute: "10m", time.Hour: "1h", 6 * time.Hour: "6h",
		90 * time.Minute: "1h30m", 100 * time.Hour: "100h", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

// Every field of conf.Limits has its column.
func TestEveryLimitIsShown(t *testing.T) {
	none := conf.Limits{MemoryHigh: conf.Unlimited, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited}
	if hasLimits(none) {
		t.Error("no limit counts as one")
	}
	for key, set := range map[string]func(*conf.Limits){
		"memory_min":      func(l *conf.Limits) { l.MemoryMin = 1 },
		"memory_low":      func(l *conf.Limits) { l.MemoryLow = 1 },
		"memory_high":     func(l *conf.Limits) { l.MemoryHigh = 1 },
		"memory_max":      func(l *conf.Limits) { l.MemoryMax = 1 },
		"memory_swap_max": func(l *conf.Limits) { l.MemorySwapMax = 0 },
		"cpu_weight":      func(l *conf.Limits) { l.CPUWeight = 1 },
		"cpu_max":         func(l *conf.Limits) { l.CPUMax = 0.5 },
		"io_weight":       func(l *conf.Limits) { l.IOWeight = 1 },
		"pids_max":        func(l *conf.Limits) { l.PidsMax = 1 },
	} {
		l := none
		set(&l)
		rows := limitsTable(&conf.Config{Programs: []conf.Program{{Name: "p", Limits: l, Total: none}}})
		if len(rows[0]) != 3 || rows[0][2] != key {
			t.Errorf("%s alone gives the columns %q", key, rows[0])
		}
	}
}

func TestBudgetTooLarge(t *testing.T) {
	c := &conf.Config{Host: conf.Host{MemoryTotal: 2 << 30, MemoryReserve: 512 << 20}}
	c.Programs = []conf.Program{{Name: "redis", Instances: make([]conf.Instance, 2),
		Limits: conf.Limits{MemoryMax: 1 << 30}, Total: conf.Limits{MemoryMax: conf.Unlimited}}}
	golden(t, "budget", printed(func(a *app) { a.budget(conf.Budget(c)) }))
}
