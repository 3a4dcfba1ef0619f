package supervisor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfo is siginfo_t with the field that waitid fills (asm-generic/siginfo.h,
// 64 bit: the pid follows signo, errno, code and padding).
type siginfo struct {
	_     [4]int32
	child int32
	_     [108]byte
}

func (s *siginfo) raw() *unix.Siginfo { return (*unix.Siginfo)(unsafe.Pointer(s)) }
func (s *siginfo) pid() int           { return int(s.child) }
