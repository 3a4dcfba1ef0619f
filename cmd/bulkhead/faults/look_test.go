package faults_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// proc is a process of a program, or of the supervisor's own making.
type proc struct {
	pid  int
	name string // of its instance, group:name
	main bool
}

// processes are the programs' by what /proc says, with all those too that work
// in the life's directory.
func (n *life) processes(all bool) []proc {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []proc
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		env := environ(dir)
		vars := strings.Split(string(env), "\x00")
		if slices.Contains(vars, "FAULTS_MARK="+n.mark) {
			name := value(vars, "SUPERVISOR_GROUP_NAME") + ":" + value(vars, "SUPERVISOR_PROCESS_NAME")
			sid, err := unix.Getsid(pid)
			out = append(out, proc{pid, name, err == nil && sid == pid})
		} else if all && len(env) > 0 {
			if args, _ := os.ReadFile(dir + "/cmdline"); strings.Contains(string(args), n.dir+"/") || slices.Contains(vars, "NOTIFY_SOCKET="+n.path("systemd")) {
				out = append(out, proc{pid, "process " + strings.ReplaceAll(string(args), "\x00", " "), true})
			}
		}
	}
	return out
}

// environ is a process' environment, nil when it has ended. In the middle of an
// exec it reads as empty.
func environ(dir string) []byte {
	for range 100 {
		env, err := os.ReadFile(dir + "/environ")
		if len(env) > 0 || err != nil {
			return env
		}
		if _, err := os.Readlink(dir + "/exe"); err != nil { // it has ended, or is the kernel's
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func value(vars []string, key string) string {
	for _, v := range vars {
		if s, ok := strings.CutPrefix(v, key+"="); ok {
			return s
		}
	}
	return ""
}

// cgroups are the life's trees, by the name that the supervisor gives them.
func (n *life) cgroups() []string {
	sum := fnv.New32a()
	sum.Write([]byte(n.path("b.sock")))
	var out []string
	for _, at := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		found, _ := filepath.Glob(fmt.Sprintf("%s/bulkhead-%08x", at, sum.Sum32()))
		out = append(out, found...)
	}
	return out
}

// removeTree removes a cgroup with all below it.
func removeTree(dir string) {
	subs, _ := os.ReadDir(dir) // it may be gone
	for _, sub := range subs {
		if sub.IsDir() {
			removeTree(filepath.Join(dir, sub.Name()))
		}
	}
	for range 200 { // what was killed just now may still be in it
		if err := syscall.Rmdir(dir); err != syscall.EBUSY {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// settle waits until each of the named instances runs exactly once, in the
// eyes of the kernel and of the supervisor. The error says what is not so.
func (n *life) settle(names []string) error {
	want := map[string]int{}
	for _, name := range names {
		want[name] = size(name)
	}
	var problem string
	err := n.until(func() bool {
		problem = n.unsettled(want)
		return problem == ""
	})
	if err != nil {
		return fmt.Errorf("%v: %s", err, problem)
	}
	return nil
}

// size is how many processes a run of the instance has.
func size(name string) int {
	if strings.HasPrefix(name, "plain:") {
		return 2
	}
	return 1
}

func (n *life) unsettled(want map[string]int) string {
	there, pids := map[string]int{}, map[string]int{}
	for _, p := range n.processes(false) {
		there[p.name]++
		if p.main {
			pids[p.name] = p.pid
		}
	}
	if !maps.Equal(there, want) {
		return fmt.Sprintf("processes %v, want %v", there, want)
	}
	all, _, err := n.client.Status(n.ctx())
	if err != nil {
		n.hear(err.Error())
		return err.Error()
	}
	for _, s := range all {
		if s.LastReason != nil {
			n.hear(s.LastReason.Detail)
		}
		switch name := s.Group + ":" + s.Name; {
		case want[name] == 0:
			return fmt.Sprintf("%s is %s", name, s.State)
		case s.State != "RUNNING" || s.PID != pids[name] || s.Recycling != "":
			return fmt.Sprintf("%s is %s with pid %d, its process is %d; recycling: %s", name, s.State, s.PID, pids[name], s.Recycling)
		}
	}
	if len(all) != len(want) {
		return fmt.Sprintf("status shows %d instances, want %d", len(all), len(want))
	}
	return ""
}

// until polls.
func (n *life) until(done func() bool) error {
	last := time.Now().Add(patience)
	for wait := 5 * time.Millisecond; !done(); wait = min(2*wait, 100*time.Millisecond) {
		if n.over() {
			return fmt.Errorf("the supervisor has ended: %v", n.status)
		}
		if time.Now().After(last) {
			return fmt.Errorf("waited %v in vain", patience)
		}
		time.Sleep(wait)
	}
	return nil
}
