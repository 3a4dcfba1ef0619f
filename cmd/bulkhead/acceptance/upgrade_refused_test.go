package acceptance_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
)

// ownBinary gives a supervisor that is not started yet a copy of the binary,
// which may be replaced.
func (s *supervisor) ownBinary() string {
	s.t.Helper()
	path := s.path("bulkhead")
	s.replaceBinary(path, slurp(s.bin), 0o755)
	s.serveBin = path
	return path
}

// replaceBinary puts another file in a binary's place, as a package manager does.
func (s *supervisor) replaceBinary(path, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// What could not go on is found out before anything is changed, and the client
// is told.
func TestUpgradeIsRefused(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := prepare(t, cgroup)
		bin := s.ownBinary()
		programs := worker("w", "exec sleep 1000000", "") + worker("stopped", "exec sleep 1000000", "autostart = false")
		s.configure(programs)
		s.start()
		s.await("w", "is up", in("RUNNING"))
		before, head := s.account(), s.head
		script := func(text string) func() { return func() { s.replaceBinary(bin, "#!/bin/sh\n"+text+"\n", 0o755) } }
		for _, bad := range []struct {
			name string
			how  func()
			told string
		}{
			{"garbage", func() { s.replaceBinary(bin, "\x7fELF\x02garbage", 0o755) }, bin},
			{"empty", func() { s.replaceBinary(bin, "", 0o755) }, bin},
			{"not executable", func() { s.replaceBinary(bin, slurp(s.bin), 0o644) }, "permission denied"},
			{"missing", func() { s.remove("bulkhead") }, "no such file"},
			{"a directory", func() { s.remove("bulkhead"); mkdir(t, bin) }, bin},
			{"/bin/true", func() { s.remove("bulkhead"); s.replaceBinary(bin, slurp("/bin/true"), 0o755) }, "does not answer"},
			{"exit 1", script("echo cannot do this >&2; exit 1"), "cannot do this"},
			{"another answer", script(`echo '{"Name":"x"}'`), "does not answer"},
			{"killed", script("kill -9 $$"), bin},
			{"a config with an error", func() { s.head = head + "nonsense = 1\n" }, "nonsense"},
			{"no config", func() { s.head = head; s.remove("bulkhead.toml") }, "bulkhead.toml"},
			{"another socket", func() { s.head = strings.Replace(head, "bulkhead.sock", "other.sock", 1) }, "socket"},
			{"another state_dir", func() { s.head = strings.Replace(head, "state_dir = \"", "state_dir = \"/tmp", 1) }, "state_dir"},
			{"another cgroup", func() { s.head = strings.Replace(head, "cgroup = \""+cgroup, "cgroup = \""+otherMode(cgroup), 1) }, "cgroup"},
		} {
			t.Run(bad.name, func(t *testing.T) {
				if fi, err := os.Stat(bin); err == nil && fi.IsDir() {
					s.remove("bulkhead")
				}
				s.replaceBinary(bin, slurp(s.bin), 0o755)
				bad.how()
				if bad.name != "no config" {
					s.configure(programs)
				}
				out, err := s.client.Do(t.Context(), control.Order{Verb: "upgrade"})
				if err == nil || !strings.Contains(err.Error(), bad.told) || !strings.Contains(err.Error(), "nothing was changed") {
					t.Errorf("told: %v %v, want %q", out, err, bad.told)
				}
				s.head = head
				s.configure(programs)
				if diff := cmp.Diff(before, s.account()); diff != "" {
					t.Errorf("before (-), after (+)\n%s", diff)
				}
			})
		}
		s.remove("bulkhead")
		s.replaceBinary(bin, slurp(s.bin), 0o755)
		s.keeps(upgrade)
		// An upgrade by signal that is refused is told by an event.
		s.remove("bulkhead")
		tellPID(t, s.cmd.Process.Pid, upgradeSignal)
		s.events.await(t, "the refusal", first(func(e control.Event) bool {
			return e.Kind == "trouble" && strings.Contains(e.Message, "upgrade") && strings.Contains(e.Message, "no such file")
		}))
		if diff := cmp.Diff(before, s.account()); diff != "" {
			t.Errorf("before (-), after (+)\n%s", diff)
		}
	})
}

func otherMode(cgroup string) string {
	if cgroup == "off" {
		return "auto"
	}
	return "off"
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
