package main

import (
	"math"
	"strings"
	"testing"
)

// full is a book in which every target is just reached.
func full() book {
	b := book{}
	b.add("start", "raw", 200, 100)
	b.add("start", own, 200, 150)
	b.add("start", own, 4000, 3300)
	b.add("pss", own, 200, 16)
	b.add("pss", own, 4000, 16+3800.0*16/1024)
	b.add("idle cpu", own, 200, 0.1)
	b.add("idle cpu", own, 4000, 0.33)
	b.add("wake-ups", own, 200, 1)
	b.add("wake-ups", own, 4000, 0.5)
	b.add("status", own, 1000, 15)
	b.add("crash", own, 200, 3)
	b.add("log1", own, 1, 500)
	b.add("log1", "supervisord", 1, 100)
	b.add("log1 cpu", own, 1, 1)
	b.add("log1 cpu", "supervisord", 1, 4)
	b.add("log50", own, 50, 500)
	b.add("log50", "supervisord", 50, 100)
	b.add("log50 cpu", own, 50, 1)
	b.add("log50 cpu", "supervisord", 50, 4)
	return b
}

func TestTargetsAreReached(t *testing.T) {
	all := targets(full())
	if len(all) != 13 {
		t.Errorf("%d targets", len(all))
	}
	for _, x := range all {
		if !x.met {
			t.Errorf("missed: %+v", x)
		}
	}
}

// Each value that gets a little worse misses its own target.
func TestTargetsAreMissed(t *testing.T) {
	for e := range full() {
		if e.peer != own {
			continue
		}
		b := full()
		worse := 1.2
		if e.metric == "log1" || e.metric == "log50" {
			worse = 0.9
		}
		if e == (entry{"wake-ups", own, 4000}) || e == (entry{"idle cpu", own, 200}) {
			worse = 5 // not the worst one before
		}
		b[e] = []float64{b[e][0] * worse}
		missed := 0
		for _, x := range targets(b) {
			if !x.met {
				missed++
			}
		}
		if missed == 0 {
			t.Errorf("%+v is %v times as much, and no target is missed", e, worse)
		}
	}
}

func TestTargetsOfNothing(t *testing.T) {
	if got := targets(book{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := targetTable(nil); got != "" {
		t.Errorf("%q", got)
	}
	b := book{}
	b.add("start", own, 200, 1) // no raw, and nothing beyond
	b.add("start", own, 10, 1)
	if got := targets(b); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTargetTable(t *testing.T) {
	got := targetTable([]target{{"a", "≤ 1", 2, "ms", false}, {"b", "≥ 5", 6, "×", true}})
	want := `### To reach

| what | target | result | |
|---|---|---:|---|
| a | ≤ 1 | 2.00 ms | **missed** |
| b | ≥ 5 | 6.00 × | reached |
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestWorst(t *testing.T) {
	b := book{}
	b.add("m", own, 10, 7)
	b.add("m", own, 200, 9)
	b.add("m", own, 1000, 8)
	if v, n := b.worst("m", own, 0.5); v != 9 || n != 200 {
		t.Errorf("%v at %d", v, n)
	}
	if _, n := b.worst("other", own, 0.5); n != 0 {
		t.Errorf("something at %d", n)
	}
	if v := b.median("other", own, 10); !math.IsNaN(v) {
		t.Errorf("%v", v)
	}
}

// Each metric belongs to a work that there is.
func TestMetrics(t *testing.T) {
	known := "," + strings.Join(names(), ",") + ","
	for _, m := range metrics {
		if !strings.Contains(known, ","+m.work+",") {
			t.Errorf("%s: no work %q", m.name, m.work)
		}
	}
}
