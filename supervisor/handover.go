package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/resident"
	"bulkhead/supervisor/state"
)

// handover is what a supervisor gives its successor in the same process beside
// what both would find on disk: open descriptors, and what is in no file.
type handover struct {
	Listener, Notify    int
	TreeLock, StateLock int // -1 none
	TreeHome            cgroup.Home
	Conns               []control.Carried
	Doors               map[string]int // listeners beside Listener, by the name of their door
	Events              []control.Event
	Memlock             *resident.Limit // what children are to have; nil: as we
	Lost                bool            // not all that was asked of the runs may have been done
}

const (
	keyHandover = "handover"
	// handoverVar names the descriptor of the memfd. It is set from one image to the next only.
	handoverVar = "BULKHEAD_HANDOVER"
)

// writeHandover writes documents where a successor can read them, disk full or not.
func writeHandover(docs map[string]any) (*os.File, error) {
	boot, err := state.BootID()
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("handover", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a file in memory: %v", err)
	}
	f := os.NewFile(uintptr(fd), "handover")
	if err = state.Encode(f, boot, docs); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot write the handover: %w", err)
	}
	return f, nil
}

// inherited is what the image before has left us; nil when there was none.
func inherited() (*handover, state.Loaded, error) {
	text, ok := os.LookupEnv(handoverVar)
	if !ok {
		return nil, state.Loaded{}, nil
	}
	os.Unsetenv(handoverVar)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, state.Loaded{}, fmt.Errorf("cannot take over: %s=%q is no descriptor", handoverVar, text)
	}
	f := os.NewFile(uintptr(fd), "handover")
	defer f.Close()
	loaded, err := state.Decode(f)
	if err != nil {
		return nil, loaded, fmt.Errorf("cannot take over: %w", err)
	}
	var h handover
	if err := json.Unmarshal(loaded.Documents[keyHandover], &h); err != nil {
		return nil, loaded, fmt.Errorf("cannot take over: %v", err)
	}
	delete(loaded.Documents, keyHandover)
	return &h, loaded, nil
}

// Rehearse does what Serve would do with a handover, up to the first thing that
// changes anything, and answers on o.Out.
func Rehearse(o Options, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot rehearse an upgrade: %v", err)
	}
	defer f.Close()
	loaded, err := state.Decode(f)
	if err != nil {
		return fmt.Errorf("cannot rehearse an upgrade: %w", err)
	}
	p := readPast(loaded, loaded.BootID, o.Config)
	if len(p.problems) > 0 {
		return fmt.Errorf("cannot rehearse an upgrade: %v", p.problems[0])
	}
	if err := sameGround(p, o.Config); err != nil {
		return err
	}
	return json.NewEncoder(o.Out).Encode(Rehearsal{Version: o.Version})
}

// sameGround refuses what cannot change while a supervisor runs: where it is
// found and where its state is. The programs would be looked for in another place.
func sameGround(p past, c *conf.Config) error {
	for _, k := range []struct{ key, old, new string }{
		{"socket", p.self.Socket, c.Supervisor.Socket},
		{"state_dir", p.self.StateDir, c.Supervisor.StateDir},
		{"cgroup", p.self.Cgroup, string(c.Supervisor.Cgroup)},
	} {
		if k.old != "" && k.old != k.new {
			return fmt.Errorf("[supervisor] %s is %q now and was %q: that takes a stop and a start, not an upgrade", k.key, k.new, k.old)
		}
	}
	return nil
}

// keepOpen marks descriptors to come through an exec, or not to.
func keepOpen(fds []int, keep bool) {
	flag := unix.FD_CLOEXEC
	if keep {
		flag = 0
	}
	for _, fd := range fds {
		if fd >= 0 {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag) // an open descriptor refuses nothing
		}
	}
}

// descriptor is f.Fd without its side effect: that makes the socket a blocking
// one, for us too.
func descriptor(f *os.File) int {
	n := -1
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { n = int(fd) }) // fails for a closed file only
	}
	return n
}

func (h *handover) descriptors() []int {
	fds := []int{h.Listener, h.Notify, h.TreeLock, h.StateLock}
	for _, fd := range h.Doors {
		fds = append(fds, fd)
	}
	for _, c := range h.Conns {
		fds = append(fds, c.FD)
	}
	return fds
}
