package resident

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestSmallPages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Fatalf("this kernel has no huge pages to refuse: %v", err)
	}
	b, err := unix.Mmap(-1, 0, 4<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	if plain(t, b) {
		t.Fatal("refused before anybody did")
	}
	SmallPages()
	if !plain(t, b) {
		t.Error("huge pages are not refused of what was mapped before")
	}
}

// plain says whether huge pages are refused of the mapping that b is in: "nh" of VmFlags
// (filesystems/proc.rst).
func plain(t *testing.T, b []byte) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	at, inside := uintptr(unsafe.Pointer(&b[0])), false
	for line := range strings.Lines(string(text)) {
		for _, m := range mappings(line) {
			inside = m.span[0] <= at && at < m.span[1]
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Contains(flags, " nh")
		}
	}
	t.Fatalf("no mapping has %#x", at)
	return false
}
