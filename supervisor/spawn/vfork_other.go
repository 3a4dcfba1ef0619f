//go:build !amd64

package spawn

// canShare: vforkRaw is not written for this processor; children are forked.
const canShare = false

func vforkRaw(*cloneArgs, uintptr, *step, int, *report) (r uintptr) { panic("not for this processor") }
