package nofile

import "unsafe"

// The limit at birth; Known is false where the kernel refused to tell.
var (
	Soft, Hard uint64
	Known      bool
)

// RawSyscall6 needs nothing of package syscall's init; importing the package
// would run that init before ours.
//
//go:linkname rawSyscall6 syscall.RawSyscall6
//go:noescape
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

func init() {
	const rlimitNofile = 7 // include/uapi/asm-generic/resource.h
	var lim [2]uint64
	_, _, errno := rawSyscall6(sysPrlimit64, 0, rlimitNofile, 0, uintptr(unsafe.Pointer(&lim)), 0, 0)
	Soft, Hard, Known = lim[0], lim[1], errno == 0
}
