package supervisor

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calmAfter is how long nothing must have happened before the supervisor sheds.
const calmAfter = 3 * time.Second

// calm sheds when it has become quiet: after the start, a burst, a question.
type calm struct{ timer *time.Timer }

func newCalm() *calm { return &calm{time.AfterFunc(calmAfter, shed)} }

// stir says that something happens.
func (c *calm) stir() { c.timer.Reset(calmAfter) }

func (c *calm) stop() { c.timer.Stop() }

// shed gives back memory that only the start needed: the heap's free pages, and
// the pages of our own program file that are mapped but not in use. Those are
// the page cache's; what is needed again comes back by a minor fault. It halves
// what an idle supervisor holds.
func shed() {
	debug.FreeOSMemory()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, m := range programMaps(string(maps)) {
		b := unsafe.Slice((*byte)(pointer(m[0])), m[1]-m[0])
		_ = unix.Madvise(b, unix.MADV_DONTNEED) // a hint; refusing it costs memory only
	}
}

// pointer turns an address of /proc/self/maps into one of Go's. It is not Go's
// memory, so the collector has no business with it.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// programMaps finds the read-only mappings of the program file (the first file
// in the list): code and constants. Its writable data must not be dropped.
func programMaps(maps string) [][2]uintptr {
	var out [][2]uintptr
	file := ""
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[5], "/") {
			continue
		}
		if file == "" {
			file = f[5]
		}
		from, to, ok := strings.Cut(f[0], "-")
		if f[5] != file || !ok || !strings.HasPrefix(f[1], "r") || f[1][1] == 'w' || f[1][3] != 'p' {
			continue
		}
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && a < b {
			out = append(out, [2]uintptr{uintptr(a), uintptr(b)})
		}
	}
	return out
}
