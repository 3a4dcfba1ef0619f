package doctor

import (
	"fmt"
	"slices"

	"bulkhead/supervisor/control"
)

// redisLeast is the share of the host's memory from which on a Redis server is looked at:
// a small one hurts nobody.
const redisLeast = 0.05

// forks judges Redis servers, which fork to write a snapshot. Every page that is
// written to meanwhile is there twice: at worst all of them.
func forks(r *Report) []Finding {
	var out []Finding
	for _, p := range r.Host.Processes {
		if p.Redis == nil || float64(p.RSS) < redisLeast*float64(r.Host.Memory.Total) {
			continue
		}
		room := forkRoom(p, r.Host.Memory)
		if p.RSS > room {
			out = append(out, fork(r, p, room))
		}
		if p.Redis.MaxMemory == 0 && p.Redis.Sure() && p.RSS <= room { // else it is part of the other's advice
			out = append(out, boundless(r, p))
		}
		if r.Host.refusesForks() && p.Redis.Persists() {
			out = append(out, refused(r, p))
		}
	}
	return out
}

// forkRoom is what a copy may take: what the host has, or what its cgroup leaves.
func forkRoom(p Process, m Memory) int64 {
	if p.held(m) {
		return min(m.Available, max(p.Cgroup.Max-p.RSS, 0))
	}
	return m.Available
}

func fork(r *Report, p Process, room int64) Finding {
	f := Finding{Rule: "redis-fork", Severity: Warning,
		Title: fmt.Sprintf("%s has %s, and there are %s for the copy that a snapshot makes", p.Program, control.Size(p.RSS), control.Size(room))}
	c := p.Redis
	switch {
	case !c.Persists():
		f.Severity = Note
		f.fact("%s: neither save nor appendonly; only a replica's full sync would fork", configText(c))
	case c.Sure():
		f.Severity = Serious
		f.fact("%s: %s", configText(c), persistText(c))
	default:
		f.fact("%s; unless told otherwise it saves", configText(c))
	}
	f.fact("pid %d, port %s, maxmemory %s; every page written to during a snapshot is kept twice", p.PID, c.Port, maxText(c))
	if child := r.snapshot(p.PID); child != nil {
		f.fact("%s, pid %d, is at it now and has %s", child.Program, child.PID, control.Size(child.Own()))
	}
	f.advise("give it a host with %s more, or move something else away", control.Size(p.RSS-room))
	if c.Saves {
		f.advise(`or no snapshots, if its data may be lost: redis-cli -p %s config set save "", and save "" in %s`, c.Port, fileText(c))
	}
	if c.Appends {
		f.advise("auto-aof-rewrite-percentage 0 in %s, and BGREWRITEAOF when there is room", fileText(c))
	}
	f.advise("or less data: maxmemory %dmb would fit twice, with a maxmemory-policy that evicts; without one every write fails, since that is below what it has",
		(room+p.RSS)/2>>20)
	return f
}

// boundless says that nothing stops the server's growth.
func boundless(r *Report, p Process) Finding {
	f := Finding{Rule: "redis-maxmemory", Severity: Note, Title: fmt.Sprintf("%s may grow without end: maxmemory is not set", p.Program)}
	if p.RSS > r.Host.Memory.Total/4 {
		f.Severity = Warning
	}
	f.fact("pid %d, port %s, has %s of the host's %s; %s", p.PID, p.Redis.Port, control.Size(p.RSS), control.Size(r.Host.Memory.Total), configText(p.Redis))
	most := (r.Host.Memory.Available + p.RSS) / 2 >> 20
	f.advise("redis-cli -p %s config set maxmemory %dmb, and maxmemory %dmb in %s; choose a maxmemory-policy, without one writes fail there", p.Redis.Port, most, most, fileText(p.Redis))
	return f
}

// refusesForks tells whether the kernel may refuse a fork for its size. With vm.overcommit_memory 0
// that is so before Linux 5.2: the whole process had to fit a second time into what was free. Since then
// it only must not be larger than all memory and swap (mm/util.c: __vm_enough_memory).
func (h *Host) refusesForks() bool {
	old := h.Kernel != [2]int{} && slices.Compare(h.Kernel[:], []int{5, 2}) < 0
	return h.Overcommit == 0 && old || h.Overcommit == 2
}

// refused says that the kernel refuses a fork where few pages would be copied.
func refused(r *Report, p Process) Finding {
	f := Finding{Rule: "redis-overcommit", Severity: Note,
		Title: fmt.Sprintf("vm.overcommit_memory is %d, by which the fork that %s saves with may be refused", r.Host.Overcommit, p.Program)}
	if p.RSS > r.Host.Memory.Available/2 {
		f.Severity = Warning
	}
	f.fact("pid %d has %s; all of it must fit a second time, though few pages would be copied. When a save fails Redis refuses writes, by default", p.PID, control.Size(p.RSS))
	f.advise("sysctl vm.overcommit_memory=1, and vm.overcommit_memory = 1 in /etc/sysctl.d/redis.conf")
	return f
}

// snapshot is the child that writes for the server; nil for none.
func (r *Report) snapshot(server int) *Process {
	for i, p := range r.Host.Processes {
		if p.Parent == server {
			return &r.Host.Processes[i]
		}
	}
	return nil
}

func persistText(c *Redis) string {
	switch {
	case c.Saves && c.Appends:
		return "save and appendonly are on"
	case c.Appends:
		return "appendonly is on"
	}
	return "save is on"
}

func configText(c *Redis) string {
	switch {
	case c.File != "":
		return "by " + c.File
	case c.Whole:
		return "by its command line"
	case c.Unreadable != "":
		return c.Unreadable + " may not be read"
	}
	return "no configuration file was found for port " + c.Port
}

func fileText(c *Redis) string {
	switch {
	case c.File != "":
		return c.File
	case c.Unreadable != "":
		return c.Unreadable
	}
	return "its redis.conf"
}

func maxText(c *Redis) string {
	switch {
	case c.MaxMemory > 0:
		return control.Size(c.MaxMemory)
	case c.Sure():
		return "not set"
	}
	return "unknown"
}
