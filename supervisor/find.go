package supervisor

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/supervisor/logs"
)

// What an earlier supervisor has started is found where it cannot be lost: in
// the cgroup tree, whose directories are named for it; without cgroups by a
// variable in the environment of the processes; and by the FIFOs of the output.

// trace is what the edge found of a run.
type trace struct {
	entry    cgroup.Entry // without cgroups its Path is ""
	pids     []int        // without cgroups
	channels []string     // whose FIFOs are there
}

type runName struct {
	program, instance string
	run               uint64
}

func (h *host) find() ([]found, error) {
	all := map[runName]*found{}
	get := func(n runName) *found {
		f := all[n]
		if f == nil {
			f = &found{program: n.program, instance: n.instance, run: n.run}
			all[n] = f
		}
		return f
	}
	var failed error
	if h.tree.Mode() == cgroup.None {
		for n, pids := range marked(h.place) {
			f := get(n)
			f.trace.pids, f.alive = pids, true
		}
	} else {
		entries, err := h.tree.List()
		failed = err
		for _, e := range entries {
			var st unix.Stat_t
			if e.Instance == "" || unix.Stat(e.Path, &st) != nil { // a program's own, or gone meanwhile
				continue
			}
			f := get(runName{e.Program, e.Instance, e.Run})
			f.trace.entry, f.alive, f.cgroup = e, e.Populated, st.Ino
		}
	}
	ids, err := h.streams.List()
	if failed == nil {
		failed = err
	}
	for _, id := range ids {
		f := get(runName{id.Program, id.Instance, id.Run})
		f.trace.channels = append(f.trace.channels, id.Channel)
	}
	out := make([]found, 0, len(all))
	for _, f := range all {
		out = append(out, *f)
	}
	return out, failed
}

// markName is the variable by which processes are known where there are no cgroups.
const markName = "BULKHEAD_RUN"

// mark is its value: whose run the process is.
func mark(place string, n runName) string {
	return fmt.Sprintf("%s/%s/%s/%d", url.PathEscape(place), url.PathEscape(n.program), url.PathEscape(n.instance), n.run)
}

func parseMark(place, value string) (n runName, ok bool) {
	parts := strings.Split(value, "/")
	if len(parts) != 4 {
		return n, false
	}
	owner, err0 := url.PathUnescape(parts[0])
	var err1, err2, err3 error
	n.program, err1 = url.PathUnescape(parts[1])
	n.instance, err2 = url.PathUnescape(parts[2])
	n.run, err3 = strconv.ParseUint(parts[3], 10, 64)
	ok = err0 == nil && err1 == nil && err2 == nil && err3 == nil && owner == place && n.run > 0
	return n, ok
}

// marked returns the processes of each run of the place's supervisor.
func marked(place string) map[runName][]int {
	out := map[runName][]int{}
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return out
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + d.Name() + "/environ")
		if err != nil || len(env) == 0 { // another's, gone, or a zombie
			continue
		}
		for _, v := range bytes.Split(env, []byte{0}) {
			value, ok := bytes.CutPrefix(v, []byte(markName+"="))
			if !ok {
				continue
			}
			if n, ok := parseMark(place, string(value)); ok {
				out[n] = append(out[n], pid)
			}
		}
	}
	for _, pids := range out {
		slices.Sort(pids)
	}
	return out
}

func streamID(n runName, channel string) logs.StreamID {
	return logs.StreamID{Program: n.program, Instance: n.instance, Run: n.run, Channel: channel}
}
