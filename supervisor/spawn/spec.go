package spawn

import "syscall"

// Spec says what to start and how. Descriptors in it stay the caller's and
// must stay open until Start returns.
type Spec struct {
	// Argv[0] is looked up anew at each start: with a "/" it is taken as it
	// is, relative to Dir; without, it is searched in the PATH of Env, else
	// of the supervisor, else in /bin:/usr/bin:/usr/local/bin, with the
	// rights of the user it will run as. Relative entries of PATH are passed
	// over.
	Argv []string
	Env  []string // complete: nothing is added
	Dir  string   // "": the supervisor's; entered with the user's rights

	Cred        *Credential // nil: as the supervisor
	Umask       int         // -1: as the supervisor
	Nice        int         // -20 to 19; in force only with NiceSet
	NiceSet     bool
	OOMScoreAdj int // -1000 to 1000; always written, see Child.Warnings
	Rlimits     []Rlimit

	Stdin    int // descriptor; 0 (ours is nobody else's) or -1: /dev/null
	Stdout   int // descriptor; -1: /dev/null
	Stderr   int // descriptor; -1: /dev/null
	CgroupFD int // directory of the cgroup to be born in; -1: the supervisor's

	// Foreground, where it is not nil, makes the child stand in our place for
	// whoever called us. Stdin, Stdout and Stderr mean nothing then.
	Foreground *Foreground
}

// Foreground is what a child has of its caller's: the session and process group, so
// that a terminal's signals and job control reach it; standard input, output and error; and what
// is named here. It is killed when the thread that called Start ends, and so with this
// process however that ends: call Start on a locked thread (runtime.LockOSThread) that
// waits for the child. A set-user-ID command is exempt (prctl(2), PR_SET_PDEATHSIG).
type Foreground struct {
	Keep    []int            // descriptors above 2 that stay open, see [Inherited]
	Ignored []syscall.Signal // signals that stay ignored; all others are at their default
}

// Credential is who the child runs as. It replaces real, effective and saved
// ids and all supplementary groups. A supervisor without root's rights may
// only name itself; its groups stay then as they are.
type Credential struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
}

// Rlimit is one limit of setrlimit(2).
type Rlimit struct {
	Resource   int // unix.RLIMIT_*
	Soft, Hard uint64
}
