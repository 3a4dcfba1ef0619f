package main

import "testing"

func TestTable(t *testing.T) {
	b := book{}
	b.add("start", "raw", 10, 5)
	b.add("start", own, 10, 10)
	b.add("start", own, 10, 14)
	b.add("start", own, 1000, 1234.4)
	b.add("start", "s6", 10, 6)
	b.add("pss", "s6", 200, 6)
	m := metric{name: "start", title: "Start", unit: "ms", share: 0.5, note: "A note."}
	want := `### Start, ms

A note.

| N | 10 | 1,000 |
|---|---:|---:|
| raw | 5.00 (×0.42) | – |
| bulkhead | **12.0** | **1,234** |
| s6 | 6.00 (×0.50) | – |
`
	if got := table(b, m, []string{"raw", own, "runit", "s6"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := table(b, metric{name: "stop"}, []string{own}); got != "" {
		t.Errorf("a table of nothing: %s", got)
	}
	// Without bulkhead there is nothing to compare with, and the values stay.
	want = "### P\n\n| N | 200 |\n|---|---:|\n| s6 | 6.00 |\n"
	if got := table(b, metric{name: "pss", title: "P", share: 0.5}, []string{own, "s6"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 0.0042: "0.004", 0.005: "0.01", 0.256: "0.26", 9.994: "9.99", 12.34: "12.3", 123.4: "123",
		999.4: "999", 1000: "1,000", 1234567: "1,234,567", -3: "-3.00",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 10000: "10,000", -100: "-100", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
