package resident

import "golang.org/x/sys/unix"

// SmallPages has the kernel give this process no huge pages for the memory that it has asked
// for up to now. Where everybody is given them ("always" in
// /sys/kernel/mm/transparent_hugepage/enabled, as Debian has it), the first byte that is
// used takes 2 MiB; and what the heap has given back is taken again, since the kernel
// makes a huge page of any 2 MiB of which one page is used (khugepaged, max_ptes_none).
//
// Go gives back by mapping anew, where memory is locked, and that is to be told of again.
func SmallPages() {
	for _, s := range anonymous(ownMaps()) {
		// Not as bytes: it is Go's own memory. EINVAL of a kernel that has no huge pages.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s[0], s[1]-s[0], unix.MADV_NOHUGEPAGE)
	}
}
