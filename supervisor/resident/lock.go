package resident

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Limit is RLIMIT_MEMLOCK, in bytes.
type Limit struct{ Soft, Hard uint64 }

var own struct {
	sync.Mutex
	born   *Limit // what it was before Raise; nil: untouched
	locked bool
}

// Born is the limit that this process, or the image before it, was started with, which is
// what its children are to have; false where it was not raised.
func Born() (Limit, bool) {
	own.Lock()
	defer own.Unlock()
	if own.born == nil {
		return Limit{}, false
	}
	return *own.born, true
}

// Inherit says what the image before had as Born.
func Inherit(l Limit) {
	own.Lock()
	defer own.Unlock()
	own.born = &l
}

// Raise lifts the limit where that is allowed (CAP_SYS_RESOURCE, or up to the hard limit). It is to be
// called before rights are dropped. An error there is none: Lock finds out what came of it.
func Raise() {
	own.Lock()
	defer own.Unlock()
	now, err := limit()
	if err != nil || now.Cur == unix.RLIM_INFINITY {
		return
	}
	more := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &more) == nil && own.born == nil {
		own.born = &Limit{now.Cur, now.Max}
	}
}

// Lock keeps all that this process has in memory, and all that it will have, from
// being taken or swapped. It raises the limit, and is to be called again after an exec.
func Lock() error {
	Raise()
	own.Lock()
	defer own.Unlock()
	now, err := limit()
	if err != nil {
		return err
	}
	if now.Cur != unix.RLIM_INFINITY {
		// Where the limit counts, some later mapping fails for it, which ends a Go program
		// (runtime, sysMapOS). With CAP_IPC_LOCK it does not count; that is told
		// by a limit of 0 (can_do_mlock of mm/mlock.c). A user namespace's capability is none.
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 0, Max: now.Max}); err != nil {
			return fmt.Errorf("cannot set the limit of locked memory: %w", err)
		}
		defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &now)
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("cannot lock memory: %w", err)
	}
	own.locked = true
	return nil
}

func limit() (unix.Rlimit, error) {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &now); err != nil {
		return now, fmt.Errorf("cannot read the limit of locked memory: %w", err)
	}
	return now, nil
}

func locked() bool {
	own.Lock()
	defer own.Unlock()
	return own.locked
}
