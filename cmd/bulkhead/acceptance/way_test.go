package acceptance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
)

// modes are the values of the key cgroup that every machine can have. "auto"
// makes do with a cgroup v2 without controllers.
var modes = []string{"auto", "off"}

// inModes runs a test in every one.
func inModes(t *testing.T, test func(t *testing.T, cgroup string)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}

// way is how one supervisor ends and the next goes on.
type way struct {
	name string
	end  func(s *supervisor) // nil: the next one is the same process
}

var (
	crash   = way{"crash", (*supervisor).crash}
	leave   = way{"leave", (*supervisor).leave}
	upgrade = way{name: "upgrade"}
	ways    = []way{crash, leave, upgrade}
)

// leaveSignal has a supervisor end and nothing else: SIGRTMIN+2 of the C library.
const leaveSignal = syscall.Signal(36)

// crash kills it.
func (s *supervisor) crash() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // killed
}

// leave has it end as on a restart of the service.
func (s *supervisor) leave() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(leaveSignal); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it left with: %v", err)
	}
}

// upgrade has it execute its binary anew. Who follows its events goes on.
func (s *supervisor) upgrade() {
	s.t.Helper()
	if out, err := s.client.Do(context.Background(), control.Order{Verb: "upgrade"}); err != nil {
		s.t.Fatalf("upgrade: %v %v", out, err)
	}
}

// goOn has the next supervisor go on; meanwhile happens while there is none,
// just before an upgrade.
func (w way) goOn(s *supervisor, meanwhile func()) {
	s.t.Helper()
	if w.end != nil {
		w.end(s)
	}
	if meanwhile != nil {
		meanwhile()
	}
	if w.end == nil {
		s.upgrade()
	} else {
		s.start()
	}
}

// account is what users are told of every instance, `status --json` and `why`,
// without what a moment changes.
func (s *supervisor) account() map[string]map[string]any {
	s.t.Helper()
	var told []map[string]any
	if err := json.Unmarshal([]byte(s.ctl("why", "--json", "all")), &told); err != nil {
		s.t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for _, h := range told {
		one := h["status"].(map[string]any)
		name := one["group"].(string) + ":" + one["name"].(string)
		one["reasons"] = h["reasons"]
		for _, key := range []string{"description", "uptime_seconds", "memory_bytes", "memory_current_bytes", "memory_peak_bytes", "swap_bytes"} {
			delete(one, key)
		}
		all[name] = one
	}
	return all
}

// keeps demands that a takeover changes nothing that users are told, and that
// no uptime begins anew.
func (s *supervisor) keeps(w way) {
	s.t.Helper()
	before, then := s.account(), s.uptimes()
	w.goOn(s, nil)
	if diff := cmp.Diff(before, s.account()); diff != "" {
		s.t.Errorf("%s: before (-), after (+)\n%s", w.name, diff)
	}
	for name, up := range s.uptimes() {
		if up < then[name] {
			s.t.Errorf("%s: %s is up for %d s and was for %d s", w.name, name, up, then[name])
		}
	}
	for _, e := range pick(s.events.events(), kindOf("trouble")) {
		s.t.Errorf("%s: trouble: %s", w.name, e.Message)
	}
}

func (s *supervisor) uptimes() map[string]int64 {
	s.t.Helper()
	all := map[string]int64{}
	for _, st := range s.status() {
		all[st.FullName()] = st.UptimeSeconds
	}
	return all
}

// one is the instance of a name.
func (s *supervisor) one(name string) control.Status {
	s.t.Helper()
	all := s.status(name)
	if len(all) != 1 {
		s.t.Fatalf("%d instances are %q", len(all), name)
	}
	return all[0]
}

// await waits until an instance is as it shall be.
func (s *supervisor) await(name, what string, ok func(control.Status) bool) control.Status {
	s.t.Helper()
	var st control.Status
	eventually(s.t, name+": "+what, func() bool {
		st = s.one(name)
		return ok(st)
	})
	return st
}

// in is for await: the instance has a state.
func in(state string) func(control.Status) bool {
	return func(st control.Status) bool { return st.State == state }
}

// worker is a program that a shell is: it runs script, with more keys.
func worker(name, script, keys string) string {
	return fmt.Sprintf("[programs.%s]\ncommand = [\"sh\", \"-c\", '''%s''']\nstartsecs = 0\n%s\n", name, script, keys)
}

// sleeper waits until it is told to go: by SIGUSR1 it does what act says.
func sleeper(act string) string {
	return `trap 'kill $!; ` + act + `' USR1; sleep 1000000 & echo up; wait $!; wait $!`
}

// tellPID sends a signal to a process.
func tellPID(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("cannot send signal %d to process %d: %v", sig, pid, err)
	}
}

// awaitEnd waits until a process has ended, whether or not its parent knows.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "a process' end", func() bool { state := processState(pid); return state == "" || state == "Z" })
}

// slurpLines are the lines of a file that have a prefix, without it.
func slurpLines(path, prefix string) []string {
	var out []string
	for line := range strings.Lines(slurp(path)) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			out = append(out, strings.TrimSuffix(rest, "\n"))
		}
	}
	return out
}
