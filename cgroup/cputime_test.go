package cgroup

import (
	"testing"
	"time"
)

func TestParseCPUTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"usage_usec 314163530\nuser_usec 258012596\nsystem_usec 56150933\n": 314163530 * time.Microsecond,
		"user_usec 1\nusage_usec 0\n":                                       0,
		"usage_usec 7":                                                      7 * time.Microsecond,
		"":                                                                  -1,
		"usage_usec \n":                                                     -1,
		"usage_usec x\n":                                                    -1,
		"xusage_usec 3\n":                                                   -1,
	} {
		got, ok := parseCPUTime([]byte(text))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	if got, ok := new(Tree).CPUTime(); ok {
		t.Errorf("%v where there are no cgroups", got)
	}
}

func FuzzCPUTime(f *testing.F) {
	f.Add([]byte("usage_usec 314163530\nuser_usec 258012596\n"))
	f.Add([]byte("usage_usec 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := parseCPUTime(b); got < 0 {
			t.Errorf("%q: %v, %v", b, got, ok)
		}
	})
}
