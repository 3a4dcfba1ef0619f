package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// unprivilegedWindow is what a trigger's window must be a multiple of without
// CAP_SYS_RESOURCE (since Linux 6.4; before, such triggers are refused).
const unprivilegedWindow = 2 * time.Second

// PressureTrigger arms memory.pressure: the descriptor becomes readable with
// POLLPRI, at most once per window, when some (or, with full, all) of the
// cgroup's tasks stalled on memory for stall within window, 10 s at most. POLLERR means
// that the cgroup was removed. The caller closes the descriptor, which also
// disarms. A window that an unprivileged supervisor may not have is stretched
// to the next multiple of 2 s, and stall with it. Where the kernel keeps no
// pressure figures (psi=0, cgroup.pressure=0) the error is errors.ErrUnsupported.
func (g *Group) PressureTrigger(full bool, stall, window time.Duration) (int, error) {
	trigger := -1
	err := g.withDir(func(dir int) error {
		fd, err := armPressure(dir, "memory.pressure", full, stall, window)
		if err == unix.EINVAL && window%unprivilegedWindow != 0 {
			wide := (window/unprivilegedWindow + 1) * unprivilegedWindow
			fd, err = armPressure(dir, "memory.pressure", full, time.Duration(float64(stall)*float64(wide)/float64(window)), wide)
		}
		trigger = fd
		return err
	})
	path := g.path + "/memory.pressure"
	switch {
	case err == nil:
		return trigger, nil
	case errors.Is(err, fs.ErrClosed):
		return -1, err
	case vanished(err) && !g.alive():
		return -1, fmt.Errorf("cannot watch %q: %w", path, ErrGone)
	case err == unix.ENOENT || err == unix.EOPNOTSUPP:
		return -1, fmt.Errorf("cannot watch %q: %w", path, errors.ErrUnsupported)
	}
	return -1, fmt.Errorf("cannot watch %q for a stall of %s in %s: %v", path, stall, window, err)
}

// HostPressureTrigger is PressureTrigger for the whole host, some of whose tasks
// stalled: proc is where procfs is mounted. The window must be a multiple of 2 s without
// CAP_SYS_RESOURCE (Linux 6.4; before, such triggers are refused).
func HostPressureTrigger(proc string, stall, window time.Duration) (int, error) {
	path := filepath.Join(proc, "pressure")
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(dir)
		var fd int
		if fd, err = armPressure(dir, "memory", false, stall, window); err == nil {
			return fd, nil
		}
	}
	if err == unix.ENOENT || err == unix.EOPNOTSUPP {
		err = errors.ErrUnsupported
	}
	return -1, fmt.Errorf("cannot watch %q for a stall of %s in %s: %w", path, stall, window, err)
}

func armPressure(dir int, name string, full bool, stall, window time.Duration) (int, error) {
	fd, err := openAt(dir, name, unix.O_RDWR|unix.O_NONBLOCK)
	if err != nil {
		return -1, err
	}
	if err := writeFD(fd, pressureLine(full, stall, window)); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// pressureLine is the trigger in the kernel's words. The newline is not for
// looks: the kernel overwrites the last byte it is given.
func pressureLine(full bool, stall, window time.Duration) string {
	kind := "some"
	if full {
		kind = "full"
	}
	return fmt.Sprintf("%s %d %d\n", kind, stall.Microseconds(), window.Microseconds())
}
