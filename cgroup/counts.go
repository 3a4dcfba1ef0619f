package cgroup

import (
	"bytes"
	"errors"
	"fmt"
)

// Counts are event counters since the cgroup was made. Only whether one has
// grown means anything: one OOM kill can raise OOM by hundreds and OOMKill by two.
type Counts struct {
	High         uint64 // memory.high was crossed, by page cache too
	Max          uint64 // memory.max was about to be crossed; mostly harmless
	OOM          uint64 // an allocation failed at the limit
	OOMKill      uint64 // processes of this cgroup that an OOM killed, wherever the limit was
	OOMGroupKill uint64 // the whole cgroup was taken (since Linux 5.17)
	PidsMax      uint64 // forks that pids.max refused
}

// Counts reads memory.events.local and pids.events. High, Max and OOM are
// counted where the limit is, OOMKill where the victim was: a hit at the
// program's level shows in the program's Counts and, as OOMKill alone, in the run's.
// Before Linux 5.2 there is no memory.events.local: memory.events, which adds
// the cgroups below, is read then. Without the controllers all is zero.
//
// Reading also re-arms EventsFD.
func (g *Group) Counts() (Counts, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	var c Counts
	if g.tree.has("memory") {
		b, err := g.readKept(buf[:], fileEvents, "memory.events.local", "memory.events")
		if err != nil {
			return c, err
		}
		parseCounts(b, &c)
	}
	if !g.tree.has("pids") {
		return c, nil
	}
	b, err := g.readKept(buf[:], filePids, "pids.events")
	if err != nil {
		return c, err
	}
	eachCount(b, func(key []byte, n uint64) {
		if string(key) == "max" {
			c.PidsMax = n
		}
	})
	return c, nil
}

// EventsFD is a descriptor of memory.events.local for poll or epoll with
// POLLPRI. It wakes when a counter changes (at most every 10 ms) and when the
// cgroup is removed, and is armed again only by a read through this very
// descriptor: call Counts after each wake-up. The first read has been done
// here. It belongs to the group and lives until Close.
func (g *Group) EventsFD() (int, error) {
	return g.pollFD(fileEvents, "memory.events.local", "memory.events")
}

// pollFD returns a kept file's descriptor, read once: kernfs reports the
// changes since the last read, and an unread file would wake at once. A
// descriptor that is open already comes back as it is, also after the
// cgroup's removal, so that a poller can always be told to forget it.
func (g *Group) pollFD(f file, names ...string) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k := g.kept[f]; k.open {
		return k.fd, nil
	}
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	b, err := g.readKept(buf[:], f, names...)
	if err != nil {
		return -1, err
	}
	if b == nil {
		return -1, fmt.Errorf("cannot watch %q: %w", g.path+"/"+names[0], errors.ErrUnsupported)
	}
	return g.kept[f].fd, nil
}

func parseCounts(b []byte, c *Counts) {
	eachCount(b, func(key []byte, n uint64) {
		switch string(key) {
		case "high":
			c.High = n
		case "max":
			c.Max = n
		case "oom":
			c.OOM = n
		case "oom_kill":
			c.OOMKill = n
		case "oom_group_kill":
			c.OOMGroupKill = n
		}
	})
}

// eachCount reads a file of "key number" lines.
func eachCount(b []byte, do func(key []byte, n uint64)) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			continue
		}
		if n, rest, ok := leadingInt(line[i+1:]); ok && len(rest) == 0 {
			do(line[:i], uint64(n))
		}
	}
}
