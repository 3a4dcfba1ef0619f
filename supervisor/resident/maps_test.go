package resident

import (
	"slices"
	"testing"
)

func TestProgramFile(t *testing.T) {
	for _, tt := range []struct {
		name, maps string
		want       []span
	}{
		{"a static program", `00400000-00b7e000 r-xp 00000000 08:01 1234 /usr/bin/bulkhead
00b7e000-012f5000 r--p 0077e000 08:01 1234 /usr/bin/bulkhead
012f5000-01362000 rw-p 00ef5000 08:01 1234 /usr/bin/bulkhead
01362000-013a6000 rw-p 00000000 00:00 0
c000000000-c000400000 rw-p 00000000 00:00 0
7f0000000000-7f0000021000 r--p 00000000 08:01 99 /usr/lib/locale/C.utf8/LC_CTYPE
7ffc1fe22000-7ffc1fe43000 rw-p 00000000 00:00 0 [stack]
7ffc1ffae000-7ffc1ffb0000 r-xp 00000000 00:00 0 [vdso]
`, []span{{0x400000, 0xb7e000}, {0xb7e000, 0x12f5000}}},
		{"shared with others: not only ours", "00400000-00500000 r--s 00000000 08:01 1 /bin/x\n", nil},
		{"no access at all", "00400000-00500000 ---p 00000000 08:01 1 /bin/x\n", nil},
		{"write-only would be data too", "00400000-00500000 rwxp 00000000 08:01 1 /bin/x\n", nil},
		{"replaced since", "00400000-00500000 r-xp 00000000 08:01 1 /bin/x (deleted)\n", []span{{0x400000, 0x500000}}},
		{"nonsense", "zz-yy r-xp 0 0 0 /bin/x\n500-400 r-xp 0 0 0 /bin/x\n400 r-xp 0 0 0 /bin/x\n\nfive\n", nil},
		{"anonymous only", "00400000-00500000 r-xp 00000000 00:00 0\n", nil},
	} {
		if got := programFile(mappings(tt.maps)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %x, want %x", tt.name, got, tt.want)
		}
	}
}

func TestAnonymous(t *testing.T) {
	const maps = `00400000-00b7e000 r-xp 00000000 08:01 1234 /usr/bin/bulkhead
012f5000-01362000 rw-p 00ef5000 08:01 1234 /usr/bin/bulkhead
01362000-013a6000 rw-p 00000000 00:00 0
c000000000-c000400000 rw-p 00000000 00:00 0 [anon: Go: heap]
c000400000-c004000000 ---p 00000000 00:00 0 [anon: Go: heap reservation]
7f0000000000-7f0000200000 rw-s 00000000 00:01 77 /dev/zero (deleted)
7ffc1fe22000-7ffc1fe43000 rw-p 00000000 00:00 0 [stack]
`
	want := []span{{0x1362000, 0x13a6000}, {0xc000000000, 0xc000400000}}
	if got := anonymous(mappings(maps)); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
