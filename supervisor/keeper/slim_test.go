package keeper

import "testing"

func TestFromFile(t *testing.T) {
	for line, want := range map[string]struct {
		start, size uintptr
		ok          bool
	}{
		"00400000-00a6c000 r-xp 00000000 08:01 123    /usr/bin/bulkhead":           {0x400000, 0x66c000, true},
		"00a6c000-01167000 r--p 0066c000 08:01 123    /usr/bin/bulkhead (deleted)": {0xa6c000, 0x6fb000, true},
		"01167000-011d1000 rw-p 00d67000 08:01 123    /usr/bin/bulkhead":           {0, 0, true},
		"01167000-011d1000 r--s 00d67000 08:01 123    /usr/bin/bulkhead":           {0, 0, true},
		"011d1000-03215000 rw-p 00000000 00:00 0 ":                                 {0, 0, true},
		"7f81-7f82 r-xp 00000000 00:00 0              [vdso]":                      {0, 0, true},
		"Rss:                4976 kB":                                              {},
		"VmFlags: rd ex mr mw me":                                                  {},
		"zz-7f82 r-xp 00000000 08:01 123 /x":                                       {},
		"7f82-7f81 r-xp 00000000 08:01 123 /x":                                     {},
		"":                                                                         {},
	} {
		if start, size, ok := fromFile(line); start != want.start || size != want.size || ok != want.ok {
			t.Errorf("%q: %#x, %#x, %v", line, start, size, ok)
		}
	}
}
