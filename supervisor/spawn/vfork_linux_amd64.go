package spawn

// canShare: vforkRaw is written for this processor.
const canShare = true

// vforkRaw is clone3(args), whose child runs the n steps. It returns the child's pid,
// or the negative errno, once the child has exec'd or is dead.
//
//go:noescape
func vforkRaw(args *cloneArgs, size uintptr, steps *step, n int, out *report) (r uintptr)
