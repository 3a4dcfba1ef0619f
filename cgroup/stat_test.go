package cgroup

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A leaking PHP worker on Linux 6.12, shortened; and the same without the
// keys that came after 5.10.
const stat612 = `anon 50331648
file 12582912
kernel 3145728
kernel_stack 65536
pagetables 524288
sec_pagetables 0
percpu 1024
sock 4096
vmalloc 0
shmem 2097152
zswap 0
file_mapped 8388608
file_dirty 0
swapcached 1048576
anon_thp 0
slab_reclaimable 1572864
slab_unreclaimable 819200
slab 2392064
pgfault 20000
`

const stat510 = `anon 50331648
file 12582912
kernel_stack 65536
percpu 1024
sock 4096
shmem 2097152
slab_reclaimable 1572864
slab_unreclaimable 819200
slab 2392064
`

func TestReadingArithmetic(t *testing.T) {
	const M, K = 1 << 20, 1 << 10
	for _, c := range []struct {
		name, stat    string
		current, swap int64
		want          Reading
	}{
		{"6.12", stat612, 70 * M, 4 * M, Reading{
			Measure:            48*M + 2*M + (3*M - 1536*K) + 3*M,
			MeasureFromCurrent: 70*M - 9*M - 1536*K + 3*M,
			Current:            70 * M, Cache: 9 * M, Anon: 48 * M, Shmem: 2 * M, Kernel: 3 * M, SlabReclaimable: 1536 * K, Swap: 3 * M,
		}},
		{"5.10", stat510, 64 * M, 0, Reading{
			Measure:            48*M + 2*M + 800*K + 64*K + 1*K,
			MeasureFromCurrent: 64*M - 10*M - 1536*K,
			Current:            64 * M, Cache: 10 * M, Anon: 48 * M, Shmem: 2 * M,
			Kernel: 1536*K + 800*K + 64*K + 1*K, SlabReclaimable: 1536 * K,
		}},
		{"figures out of step", "anon 4096\nfile 0\nshmem 8192\nkernel 4096\nslab_reclaimable 8192\nswapcached 4096\n", 4096, 0, Reading{
			Measure: 12288, Current: 4096, Anon: 4096, Shmem: 8192, Kernel: 4096, SlabReclaimable: 8192,
		}},
		{"empty", "", 0, 0, Reading{}},
	} {
		got := parseStat([]byte(c.stat)).reading(c.current, c.swap)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, d)
		}
	}
}

func TestReadGroup(t *testing.T) {
	f := newFake(t, "memory", "pids")
	p, err := f.tree("require").Program("queue")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.put(p.Path(), "memory.stat", stat612+strings.Repeat("workingset_refault_file 1\n", 400)) // more than the buffer
	f.put(p.Path(), "memory.current", "73400320\n")
	f.put(p.Path(), "memory.swap.current", "4194304\n")
	f.put(p.Path(), "memory.peak", "80000000\n")
	for range 2 {
		r, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		want := parseStat([]byte(stat612)).reading(70<<20, 4<<20)
		want.Peak = 80000000
		if d := cmp.Diff(want, r, cmpopts.IgnoreFields(Reading{}, "At")); d != "" || r.At.IsZero() {
			t.Errorf("(-want +got)\n%s", d)
		}
	}
	f.put(p.Path(), "memory.current", "what\n")
	if r, err := p.Read(); err == nil {
		t.Errorf("Read of a broken memory.current = %+v", r)
	}
}

func TestPeakBeforeLinux519(t *testing.T) {
	f := newFake(t, "memory")
	p, err := f.tree("require").Program("queue")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := os.Remove(p.Path() + "/memory.peak"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		current string
		want    int64
	}{{"100\n", 100}, {"900\n", 900}, {"300\n", 900}} {
		f.put(p.Path(), "memory.current", c.current)
		if r, err := p.Read(); err != nil || r.Peak != c.want {
			t.Errorf("Peak at %q = %d, %v, want %d", c.current, r.Peak, err, c.want)
		}
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte(stat612), int64(70<<20), int64(0))
	f.Add([]byte("anon\nanon x\nanon 99999999999999999999\n"), int64(0), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, current, swap int64) {
		s := parseStat(b)
		for _, n := range []int64{s.anon, s.file, s.shmem, s.kernel, s.slabReclaimable} {
			if n < 0 {
				t.Fatalf("negative amount in %+v", s)
			}
		}
		s.reading(current, swap)
	})
}

func FuzzCounts(f *testing.F) {
	f.Add([]byte("low 0\nhigh 80\nmax 0\noom 746\noom_kill 2\noom_group_kill 1\n"))
	f.Add([]byte("high 1 2\nhigh x\n\n 7\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Counts
		parseCounts(b, &c)
		parsePids(b)
		parseAmount(b)
		parseProc(b)
		if r := parseRollup(b); min(r.pss, r.swap, r.anon, r.shmem) < 0 {
			t.Fatalf("negative amount in %+v", r)
		}
	})
}

func TestParsers(t *testing.T) {
	var c Counts
	parseCounts([]byte("low 1\nhigh 80\nmax 3\noom 746\noom_kill 2\nnew_key 9\noom_group_kill 1"), &c)
	if want := (Counts{High: 80, Max: 3, OOM: 746, OOMKill: 2, OOMGroupKill: 1}); c != want {
		t.Errorf("parseCounts = %+v, want %+v", c, want)
	}
	if got, want := parsePids([]byte("12\n0\n7\n\nx\n99999999999\n")), []int{12, 7}; !cmp.Equal(got, want) {
		t.Errorf("parsePids = %v, want %v", got, want)
	}
	for _, a := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"max\n", Unlimited, true}, {"0\n", 0, true}, {"98304", 98304, true}, {"18446744073709551615\n", Unlimited, true},
		{"", 0, false}, {"\n", 0, false}, {"12 x", 12, false}, {"-1", 0, false},
	} {
		if n, ok := parseAmount([]byte(a.text)); ok != a.ok || ok && n != a.want {
			t.Errorf("parseAmount(%q) = %d, %v, want %d, %v", a.text, n, ok, a.want, a.ok)
		}
	}
	r := parseRollup([]byte("55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:  5000 kB\nPss:             4097 kB\nPss_Anon: 1024 kB\nPss_Shmem:   8 kB\nSwapPss:  2 kB\nPss: bad kB\n"))
	if want := (rollup{pss: 4097 << 10, anon: 1 << 20, shmem: 8 << 10, swap: 2 << 10}); r != want {
		t.Errorf("parseRollup = %+v, want %+v", r, want)
	}
	for text, want := range map[string]string{
		pressureLine(true, 200e6, 1e9):   "full 200000 1000000\n",
		pressureLine(false, 50e6, 500e6): "some 50000 500000\n",
	} {
		if text != want {
			t.Errorf("pressure line %q, want %q", text, want)
		}
	}
}
