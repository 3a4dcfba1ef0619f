package hear

import (
	"os"
	"syscall"
)

// prctl(2); they have no names in Go. Linux 3.15.
const (
	setSmall = 41 // PR_SET_THP_DISABLE
	getSmall = 42 // PR_GET_THP_DISABLE
)

// smallVar tells an image that the one before has had huge pages refused, for it.
const smallVar = "BULKHEAD_SMALL"

var small bool

// RefuseHuge has the kernel give no huge pages to the image that is executed next with what it returns in its
// environment: by its first instructions that one would take 2 MiB for its variables, of which it uses 128 KiB, and
// more for its heap. What somebody else has refused is left alone. No child may be made before [AllowHuge].
func RefuseHuge() (env []string) {
	if prctl(getSmall, 0) != 0 || prctl(setSmall, 1) != 0 {
		return nil
	}
	small = true
	return []string{smallVar + "=1"}
}

// inherit takes from the environment what RefuseHuge put there.
func inherit() {
	_, small = os.LookupEnv(smallVar)
	os.Unsetenv(smallVar)
}

// AllowHuge ends what RefuseHuge began: children would inherit it. It may be called at any time.
func AllowHuge() {
	if small {
		prctl(setSmall, 0)
		small = false
	}
}

// prctl returns -1 where the kernel refuses.
func prctl(op, value uintptr) int {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, op, value, 0, 0, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(r)
}
