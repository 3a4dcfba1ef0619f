package supervisor

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/resident"
	"bulkhead/supervisor/spawn"
)

// Become makes this process what supervisord's settings say of the supervisor
// itself: its limits, then its user. told is what was done, for the log. It is to be
// called before Serve, and before the config is read for good: places that the config
// leaves open depend on the user.
func Become(c conf.Supervisor) (told []string, err error) {
	for _, l := range []struct {
		name     string
		resource int
		least    int
		raise    func(uint64)
	}{
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, c.MinFDs, spawn.RaiseNofile},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, c.MinProcs, nil},
	} {
		raised, err := raiseLimit(l.resource, uint64(l.least))
		if err != nil {
			return told, fmt.Errorf("cannot raise %s to %d: %v; lower minfds or minprocs, or raise the limit where this is started", l.name, l.least, err)
		}
		if raised {
			told = append(told, fmt.Sprintf("Increased %s limit to %d", l.name, l.least))
		}
		if l.raise != nil && l.least > 0 {
			l.raise(uint64(l.least)) // supervisord's children inherit it
		}
	}
	if c.User == nil {
		return told, nil
	}
	resident.Raise() // only now it may
	if err := becomeUser(c.User); err != nil {
		return told, err
	}
	return append(told, fmt.Sprintf("Set uid to user %d succeeded", c.User.UID)), nil
}

// raiseLimit raises the soft limit to at least n, the hard one only if it must.
func raiseLimit(resource int, n uint64) (raised bool, err error) {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil || now.Cur >= n {
		return false, err
	}
	return true, unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: max(now.Max, n)})
}

// becomeUser drops root's rights for good. The user that we are already is nothing to do.
func becomeUser(u *conf.User) error {
	if uint32(os.Getuid()) == u.UID {
		return nil
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("cannot become user %q: only root can", u.Name)
	}
	groups := []int{int(u.GID)}
	for _, g := range u.Groups {
		groups = append(groups, int(g))
	}
	// Package syscall's calls reach every thread, x/sys/unix's only this one.
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("cannot become user %q: groups: %v", u.Name, err)
	}
	if err := syscall.Setgid(int(u.GID)); err != nil {
		return fmt.Errorf("cannot become user %q: group: %v", u.Name, err)
	}
	if err := syscall.Setuid(int(u.UID)); err != nil {
		return fmt.Errorf("cannot become user %q: %v", u.Name, err)
	}
	return nil
}
