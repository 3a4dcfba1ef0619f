package resident

import (
	"encoding/binary"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestGaps(t *testing.T) {
	const there = 1 << 63
	for _, tt := range []struct {
		words []uint64
		want  []span
	}{
		{nil, nil},
		{[]uint64{there, there}, nil},
		{[]uint64{0, 0, 0}, []span{{0x1000, 0x4000}}},
		{[]uint64{0, there, 0, 0, there | 5, 7}, []span{{0x1000, 0x2000}, {0x3000, 0x5000}, {0x6000, 0x7000}}},
	} {
		var b []byte
		for _, w := range tt.words {
			b = binary.NativeEndian.AppendUint64(b, w)
		}
		if got := gaps(0x1000, 0x1000, b); !slices.Equal(got, tt.want) {
			t.Errorf("%x: %x, want %x", tt.words, got, tt.want)
		}
	}
}

func size(spans []span) (pages int) {
	for _, s := range spans {
		pages += int(s[1]-s[0]) / os.Getpagesize()
	}
	return pages
}

// On this very process: what is dropped is found again, data is as it was, what was done
// is kept and most is not, and the mappings are as they were.
func TestLearn(t *testing.T) {
	heap := make([]byte, 1<<20)
	for i := range heap {
		heap[i] = byte(i)
	}
	maps := programFile(ownMaps())
	if len(maps) == 0 {
		t.Fatal("no mapping of our own program found: nothing is done here")
	}
	learn := func(do func(), packages ...string) int {
		p, err := Learn(do, packages...)
		if err != nil {
			t.Fatal(err)
		}
		p.Shed()
		if now := programFile(ownMaps()); !slices.Equal(now, maps) {
			t.Errorf("mappings %x, before %x", now, maps)
		}
		return size(maps) - size(p.spare)
	}
	nothing := learn(func() {})
	done := learn(func() { _ = regexp.MustCompile(`(a|b)+c*`).MatchString(strings.Repeat("ab", 1000)) })
	if all := size(maps); nothing == 0 || nothing > all/2 || done == 0 || done > all/2 { // the runtime does its own meanwhile
		t.Errorf("of %d pages %d are kept for nothing, %d for an expression", all, nothing, done)
	}
	coded, err := Learn(func() {}, "runtime")
	if err != nil {
		t.Fatal(err)
	}
	code := codeOf(maps, []string{"runtime"})
	if len(code) < 50 {
		t.Errorf("%d pages of the runtime", len(code))
	}
	for _, page := range code {
		if slices.ContainsFunc(coded.spare, func(s span) bool { return s[0] <= page && page < s[1] }) {
			t.Errorf("page %x of a wanted package is not kept", page)
		}
	}
	All().Shed()
	if n := len(codeOf(maps, []string{"runtim"})) + len(codeOf(maps, nil)); n != 0 {
		t.Errorf("%d pages of code of no package", n)
	}
	for i := range heap {
		if heap[i] != byte(i) {
			t.Fatalf("byte %d is %d", i, heap[i])
		}
	}
}
