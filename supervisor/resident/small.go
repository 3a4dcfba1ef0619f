package resident

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// SmallPages has the kernel give this process no huge pages for the memory that it has asked
// for up to now. Where everybody is given them ("always" in
// /sys/kernel/mm/transparent_hugepage/enabled, as Debian has it), the first byte that is
// used takes 2 MiB; and what the heap has given back is taken again, since the kernel
// makes a huge page of any 2 MiB of which one page is used (khugepaged, max_ptes_none).
//
// Where memory is locked, Go gives back by mapping anew: to be called after that, not before.
func SmallPages() {
	for _, s := range anonymous(ownMaps()) {
		// Not as bytes: it is Go's own memory. EINVAL of a kernel that has no huge pages.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s[0], s[1]-s[0], unix.MADV_NOHUGEPAGE)
	}
}

// SmallHeap is [SmallPages] for what the heap will grow by too, up to size bytes: it is given the
// addresses now, and no memory. To be called once, at the start: it collects garbage, which takes a
// millisecond or two, but only where the kernel gives huge pages to who does not ask.
func SmallHeap(size int) {
	if mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"); err != nil || !strings.Contains(string(mode), "[always]") {
		return
	}
	percent := debug.SetGCPercent(-1) // else the heap would be taken for as large as that
	fresh := make([]byte, size)       // zero from the kernel: nobody writes to it
	SmallPages()
	runtime.KeepAlive(fresh)
	fresh = nil
	runtime.GC()
	debug.SetGCPercent(percent)
}
