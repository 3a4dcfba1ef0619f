package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// signalRounds bounds the chase of processes that fork faster than they can
// be signalled. A signal is a request; the end is Kill.
const signalRounds = 64

// Signal sends sig to every process of the subtree, once each, and looks again
// until no new one shows. A process that was already gone is no error.
func (g *Group) Signal(sig syscall.Signal) error {
	err := signalAll(g.Procs, sig)
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// Kill ends every process of the subtree, also those being forked at this
// moment, and returns without waiting: the end is Populated turning false. It
// never reaps. Nothing may be started in this cgroup afterwards (see
// [Group.NewRun]). Before Linux 5.14 there is no cgroup.kill: the processes are
// then killed one by one until none is listed, which is waited for, 5 s at most;
// the last ones are dying then, and populate the cgroup for a moment still.
func (g *Group) Kill() error {
	if g.Strike() {
		return nil
	}
	err := g.withDir(func(fd int) error { return writeAt(fd, "cgroup.kill", "1") })
	switch {
	case err == nil || errors.Is(err, fs.ErrClosed):
		return err
	case vanished(err) && !g.alive():
		return nil
	case err == unix.ENOENT || err == unix.EOPNOTSUPP: // older kernel; threaded cgroup
		return g.killEach()
	}
	return fmt.Errorf("cannot kill cgroup %q: %v", g.path, err)
}

func (g *Group) killEach() error {
	if g.isRun() && g.have("pids.max") {
		g.write("pids.max", "0") // no fork succeeds any more, so the chase ends
	}
	err := killUntilEmpty(g.Procs)
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

const killPatience = 5 * time.Second

// killUntilEmpty repeats SIGKILL until list is empty.
func killUntilEmpty(list func() ([]int, error)) error {
	deadline := time.Now().Add(killPatience)
	pause := time.Millisecond
	for {
		pids, err := list()
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := send(list, pids, unix.SIGKILL); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot kill processes %d: still there after %s", pids, killPatience)
		}
		time.Sleep(pause) // dying takes its time, in memory's teardown above all
		pause = min(pause*2, 50*time.Millisecond)
	}
}

// signalAll signals everything that list shows until it shows nothing new.
func signalAll(list func() ([]int, error), sig syscall.Signal) error {
	done := map[int]bool{}
	for range signalRounds {
		pids, err := list()
		if err != nil {
			return err
		}
		pids = slices.DeleteFunc(pids, func(pid int) bool { return done[pid] })
		if len(pids) == 0 {
			return nil
		}
		if err := send(list, pids, sig); err != nil {
			return err
		}
		for _, pid := range pids {
			done[pid] = true
		}
	}
	return fmt.Errorf("cannot send %s to every process: new ones appear faster than they can be signalled", unix.SignalName(sig))
}

// sendBatch is how many pidfds send holds at once.
const sendBatch = 128

// send signals processes through pidfds. A pidfd may be of a stranger who has
// been given the number since it was listed; so the number must be listed still
// once the pidfd is held: then the two are the same process.
func send(list func() ([]int, error), pids []int, sig syscall.Signal) error {
	for batch := range slices.Chunk(pids, sendBatch) {
		fds := openPidfds(batch)
		still, err := list()
		for i, pid := range batch {
			if err == nil && fds[i] != 0 && slices.Contains(still, pid) {
				err = sendOne(fds[i], pid, sig)
			}
			if fds[i] > 0 {
				unix.Close(fds[i])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// openPidfds returns for each process its pidfd, 0 when it is gone, and -1
// where pidfds cannot be had (before Linux 5.3, strict seccomp filters).
func openPidfds(pids []int) []int {
	fds := make([]int, len(pids))
	for i, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		switch err {
		case nil:
			fds[i] = fd
		case unix.ESRCH:
		default:
			fds[i] = -1
		}
	}
	return fds
}

func sendOne(fd, pid int, sig syscall.Signal) error {
	err := error(unix.ENOSYS)
	if fd > 0 {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if err == unix.ENOSYS {
		err = unix.Kill(pid, sig)
	}
	if err == nil || err == unix.ESRCH {
		return nil
	}
	return fmt.Errorf("cannot send %s to process %d: %v", unix.SignalName(sig), pid, err)
}
