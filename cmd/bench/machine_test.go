package main

import "testing"

func TestModel(t *testing.T) {
	if got := model("processor\t: 0\nmodel name\t: AMD EPYC 7\nprocessor\t: 1\nmodel name\t: other\n"); got != "AMD EPYC 7" {
		t.Errorf("%q", got)
	}
	if got := model("processor : 0\n"); got != "processors of a model that is not told" {
		t.Errorf("%q", got)
	}
}

func TestRelease(t *testing.T) {
	for full, want := range map[string]string{"6.12.48-1-builder": "6.12.48", "6.1.0": "6.1.0"} {
		if got := release(full); got != want {
			t.Errorf("%q: %q", full, got)
		}
	}
}

func TestFieldOf(t *testing.T) {
	const text = "Name:\tx\nRss:     120 kB\nPss:      30 kB\nPss_Anon: 7 kB\n"
	if n, err := fieldOf(text, "Pss:"); n != 30 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := fieldOf(text, "Swap:"); err == nil {
		t.Error("a field that is not there was read")
	}
	if _, err := fieldOf(text, "Name:"); err == nil {
		t.Error("a name was read as a number")
	}
}
