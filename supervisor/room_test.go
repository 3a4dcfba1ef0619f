package supervisor

import (
	"os"
	"strconv"
	"testing"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseMeminfo(t *testing.T) {
	for _, tt := range []struct {
		name, meminfo string
		want          int64
	}{
		{"as the kernel writes it", "MemTotal:       24685216 kB\nMemFree:        22273960 kB\nMemAvailable:   24197880 kB\nBuffers:            8 kB\n", 24197880 << 10},
		{"last line, no newline", "MemAvailable: 1 kB", 1 << 10},
		{"nothing free", "MemAvailable: 0 kB\n", 0},
		{"before Linux 3.14", "MemTotal: 5 kB\nMemFree: 4 kB\n", 0},
		{"no number", "MemAvailable: lots kB\n", 0},
		{"too large a number", "MemAvailable: 99999999999999999999 kB\n", 0},
		{"a longer key", "XMemAvailable: 5 kB\nMemAvailableToo: 5 kB\n", 0},
		{"empty", "", 0},
	} {
		if got := parseMeminfo([]byte(tt.meminfo)).available; got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestAvailableHere(t *testing.T) {
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Fatal(err)
	}
	if n := memAvailable(); n < 1<<20 {
		t.Errorf("%d bytes available on the host that runs this", n)
	}
}

// What a replacement may need: the recycle line, else the limit, else what its
// predecessor has taken.
func TestRoomNeeded(t *testing.T) {
	for _, tt := range []struct {
		name      string
		line, max conf.Bytes
		want      int64
	}{
		{"a line", 100 * mib, 200 * mib, 100 * mib},
		{"a limit", 0, 200 * mib, 200 * mib},
		{"neither", 0, conf.Unlimited, 70 * mib},
	} {
		f := newFakeRun(t, false, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = tt.line, tt.max })
		f.comp.reading = cgroup.Reading{Peak: 70 * mib}
		f.host.runs[f.ref] = f.process
		f.host.reserve = 1 << 62
		room := f.host.room(f.prog.Load(), f.ref)
		if room.Need != tt.want || room.ProgramFree != -1 || room.HostFree >= 0 {
			t.Errorf("%s: %+v, want %d needed, and nothing free behind the reserve", tt.name, room, tt.want)
		}
	}
}
