package acceptance_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
	"bulkhead/supervisor/state"
)

// Whatever is lost of what the supervisor had written down: what runs is found
// and gone on with, nothing is started twice, and damage is told.
func TestTakeoverOfWhatIsLost(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, lost := range []struct {
			name string
			how  func(s *supervisor)
			told string // part of a trouble, "" for none
		}{
			{"no state", func(s *supervisor) { s.remove("state") }, ""},
			{"empty state", func(s *supervisor) { s.rewrite(func([]byte) []byte { return nil }) }, "not whole"},
			{"half a state", func(s *supervisor) { s.rewrite(func(b []byte) []byte { return b[:len(b)/2] }) }, "not whole"},
			{"torn tail", func(s *supervisor) { s.rewrite(func(b []byte) []byte { return b[:len(b)-3] }) }, "not whole"},
			{"damaged lines", func(s *supervisor) { s.rewrite(damage) }, "not whole"},
			{"noise", func(s *supervisor) {
				s.rewrite(func(b []byte) []byte { return bytes.Repeat([]byte{0xff, '\n', 0}, 4000) })
			}, "not whole"},
			{"no runtime directory", func(s *supervisor) { s.remove("bulkhead.d") }, ""},
			{"neither", func(s *supervisor) { s.remove("state"); s.remove("bulkhead.d") }, ""},
			{"no keeper", func(s *supervisor) { s.killKeeper() }, ""},
			{"no sockets", func(s *supervisor) { s.remove("bulkhead.sock"); s.remove("bulkhead.notify.sock") }, ""},
		} {
			t.Run(lost.name, func(t *testing.T) {
				s := serve(t, cgroup, worker("w", "echo up; exec sleep 1000000", "numprocs = 3\nstdout_logfile = '"+t.TempDir()+"/%(process_num)d.log'")+
					worker("stopped", "exec sleep 1000000", ""))
				s.await("stopped", "is up", in("RUNNING"))
				s.ctl("stop", "stopped")
				s.ctl("restart", "w:w_01")
				s.awaitAll("w", 3)
				before := pids(s.status("w:*"))
				crash.goOn(s, func() { lost.how(s) })
				after := s.status("w:*")
				for _, st := range after {
					if st.State != "RUNNING" || before[st.FullName()] != st.PID {
						t.Errorf("before pid %d, after %+v", before[st.FullName()], st)
					}
				}
				if st := s.one("w:w_01"); st.Run != 2 {
					t.Errorf("the restarted one: %+v", st)
				}
				// Its events may be numbered anew, and the recorder then misses the first.
				troubles := slices.DeleteFunc(strings.Split(s.ctl("events"), "\n"), func(l string) bool { return !strings.Contains(l, "what was written down is not whole") })
				if (lost.told != "") != (len(troubles) > 0) && !slices.Contains([]string{"no runtime directory", "neither"}, lost.name) {
					t.Errorf("told: %v", troubles)
				}
				s.keepsNow(crash)
				if n := len(marked(t, s.mark())); n > 5 {
					t.Errorf("%d processes are there, want the supervisor and its four at most", n)
				}
			})
		}
	})
}

// keepsNow is keeps after a takeover that may have left a start under way.
func (s *supervisor) keepsNow(w way) {
	s.t.Helper()
	s.awaitRest()
	s.keeps(w)
}

// awaitRest waits until nothing starts or stops.
func (s *supervisor) awaitRest() {
	s.t.Helper()
	eventually(s.t, "nothing starts or stops", func() bool {
		return !slices.ContainsFunc(s.status(), func(st control.Status) bool { return st.State == "STARTING" || st.State == "STOPPING" })
	})
}

// awaitAll waits until so many instances of a program run.
func (s *supervisor) awaitAll(program string, n int) {
	s.t.Helper()
	eventually(s.t, program+" is up", func() bool {
		return len(pids(s.status(program+":*"))) == n
	})
}

func (s *supervisor) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// rewrite changes the state on disk.
func (s *supervisor) rewrite(how func([]byte) []byte) {
	s.t.Helper()
	b, err := os.ReadFile(s.path("state"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path("state"), how(b), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// damage flips a bit in every second line but the headers.
func damage(b []byte) []byte {
	for i, line := range bytes.SplitAfter(b, []byte("\n")) {
		if i%2 == 1 && len(line) > 20 && !bytes.HasPrefix(line, []byte("bulkhead-state")) {
			line[15] ^= 1
		}
	}
	return b
}

// killKeeper kills the process that holds the output pipes.
func (s *supervisor) killKeeper() {
	s.t.Helper()
	for _, pid := range s.keepers() {
		tellPID(s.t, pid, syscall.SIGKILL)
		awaitEnd(s.t, pid)
	}
}

// keepers are the keepers of this supervisor.
func (s *supervisor) keepers() []int {
	s.t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	var all []int
	for _, path := range list {
		if words := strings.Split(slurp(path), "\x00"); len(words) > 2 && words[1] == "keeper" && strings.HasPrefix(words[len(words)-2], s.dir) {
			all = append(all, numbers(s.t, strings.Split(path, "/")[2])...)
		}
	}
	return all
}

// A state of a newer version is left alone, and so is what runs.
func TestTakeoverRefusesANewerState(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", "numprocs = 2"))
		s.awaitAll("w", 2)
		before := s.account()
		s.crash()
		whole := slurp(s.path("state"))
		s.rewrite(func([]byte) []byte {
			var newer bytes.Buffer
			if err := state.Encode(&newer, "boot", nil); err != nil {
				t.Fatal(err)
			}
			return asVersion(newer.String(), state.Version+1)
		})
		out, code := s.second("serve", "-c", s.config)
		if code != 1 || !strings.Contains(out, s.path("state")) || !strings.Contains(out, "newer") {
			t.Errorf("exit status %d, want 1, the file and why\n%s", code, out)
		}
		if n := len(marked(t, s.mark())); n != 2 {
			t.Errorf("%d programs run on, want 2", n)
		}
		s.rewrite(func([]byte) []byte { return []byte(whole) })
		s.start()
		if diff := cmp.Diff(before, s.account()); diff != "" {
			t.Errorf("before (-), after (+)\n%s", diff)
		}
	})
}

// A reboot ends everything: nothing is taken over, what was counted and the
// reasons remain, and what starts by itself starts.
func TestTakeoverAfterAReboot(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", "")+worker("stopped", "exec sleep 1000000", "")+worker("manual", "exec sleep 1000000", "autostart = false"))
		for _, name := range []string{"w", "stopped"} {
			s.await(name, "is up", in("RUNNING"))
		}
		tellPID(t, s.one("w").PID, syscall.SIGKILL)
		before := s.await("w", "is up again", func(st control.Status) bool { return st.State == "RUNNING" && st.Run == 2 })
		s.ctl("stop", "stopped")
		s.ctl("start", "manual")
		foreign := stranger(t, before.PID) // has got the number of one of ours
		crash.goOn(s, func() {
			for _, pid := range marked(t, s.mark()) {
				tellPID(t, pid, syscall.SIGKILL)
				awaitEnd(t, pid)
			}
			s.killKeeper()
			s.remove("bulkhead.d")
			s.editState("another-boot", before.PID, foreign)
		})
		w := s.await("w", "is started", in("RUNNING"))
		if w.Run != 3 || w.PID == before.PID || w.PID == foreign || w.Restarts != 1 || w.LastReason == nil || w.LastReason.Kind != "killed" || w.LastReason.Run != 1 {
			t.Errorf("w: %+v, %+v", w, w.LastReason)
		}
		if st := s.await("stopped", "is started", in("RUNNING")); st.Run != 2 || st.LastReason == nil || st.LastReason.Kind != "stopped" {
			t.Errorf("stopped: %+v, %+v", st, st.LastReason)
		}
		if st := s.one("manual"); st.State != "STOPPED" || st.Run != 1 {
			t.Errorf("manual: %+v", st)
		}
		s.ctl("stop", "all")
		if processState(foreign) != "S" {
			t.Error("a process that is not ours was ended")
		}
	})
}

// A number that another process has by now is not the worker that had it.
func TestTakeoverOfAReusedPID(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", ""))
		was := s.await("w", "is up", in("RUNNING"))
		foreign := stranger(t, was.PID)
		boot, err := state.BootID()
		if err != nil {
			t.Fatal(err)
		}
		crash.goOn(s, func() {
			tellPID(t, was.PID, syscall.SIGKILL)
			awaitEnd(t, was.PID)
			s.editState(boot, was.PID, foreign)
		})
		st := s.await("w", "runs anew", func(st control.Status) bool { return st.State == "RUNNING" && st.PID != foreign })
		if st.Run != 2 || st.Restarts != 1 || st.LastReason.Kind != "unknown" {
			t.Errorf("%+v, %+v", st, st.LastReason)
		}
		s.ctl("stop", "all")
		if processState(foreign) != "S" {
			t.Error("a process that is not ours was ended")
		}
	})
}

// stranger is a process of nobody's, started in another clock tick than pid.
func stranger(t *testing.T, pid int) int {
	t.Helper()
	ticks, err := spawn.StartTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	for {
		cmd := exec.Command("sleep", "1000000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		own, err := spawn.StartTime(cmd.Process.Pid)
		end := func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if err == nil && own != ticks {
			t.Cleanup(end)
			return cmd.Process.Pid
		}
		end()
	}
}

// editState writes the state as of another boot, with another number for a process.
func (s *supervisor) editState(boot string, pid, to int) {
	s.t.Helper()
	loaded, err := state.Load(s.dir)
	if err != nil || len(loaded.Problems) > 0 {
		s.t.Fatal(err, loaded.Problems)
	}
	docs, edited := map[string]any{}, 0
	for key, text := range loaded.Documents {
		if strings.HasPrefix(key, "instance/") {
			was := fmt.Appendf(nil, `"PID":%d,`, pid)
			edited += bytes.Count(text, was)
			text = bytes.ReplaceAll(text, was, fmt.Appendf(nil, `"PID":%d,`, to))
		}
		docs[key] = text
	}
	if edited != 1 {
		s.t.Fatalf("process %d is %d times in the state, want once", pid, edited)
	}
	var out bytes.Buffer
	if err := state.Encode(&out, boot, docs); err != nil {
		s.t.Fatal(err)
	}
	s.rewrite(func([]byte) []byte { return out.Bytes() })
}

// asVersion gives a state another version, as a later program would write it.
func asVersion(text string, version int) []byte {
	var out []byte
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, fmt.Sprintf("bulkhead-state %d ", state.Version)); ok {
			head := fmt.Sprintf("bulkhead-state %d %s", version, rest[:strings.LastIndexByte(rest, ' ')])
			line = fmt.Sprintf("%s %08x\n", head, crc32.Checksum([]byte(head), crc32.MakeTable(crc32.Castagnoli)))
		}
		out = append(out, line...)
	}
	return out
}

// A keeper that dies is replaced at once, and holds everything again.
func TestTakeoverWithAnotherKeeper(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := prepare(t, cgroup)
		log := s.path("talks.log")
		s.configure(worker("talks", sleeper(`seq -f "line %%g" 100; exit 7`), "autorestart = false\nstdout_logfile = '"+log+"'"))
		s.start()
		pid := s.await("talks", "is up", in("RUNNING")).PID
		s.ready("talks")
		old := s.keepers()
		s.killKeeper()
		eventually(t, "there is another keeper", func() bool {
			now := s.keepers()
			return len(now) == 1 && !slices.Equal(now, old)
		})
		s.heldByKeeper()
		crash.goOn(s, func() {
			tellPID(t, pid, syscall.SIGUSR1)
			awaitEnd(t, pid)
		})
		s.await("talks", "has ended", in("EXITED"))
		checkLines(t, log, 100)
		s.do(control.Order{Verb: "shutdown"})
		if err := s.cmd.Wait(); err != nil {
			t.Error(err)
		}
		eventually(t, "the keeper has ended", func() bool { return len(s.keepers()) == 0 })
	})
}

// heldByKeeper waits until the keeper has FIFOs open.
func (s *supervisor) heldByKeeper() {
	s.t.Helper()
	eventually(s.t, "the keeper holds the pipes", func() bool {
		for _, pid := range s.keepers() {
			if s.openFIFOs(pid) > 0 {
				return true
			}
		}
		return false
	})
}

// openFIFOs is how many FIFOs of the runtime directory a process has open.
func (s *supervisor) openFIFOs(pid int) (n int) {
	for _, to := range descriptors(s.t, pid) {
		info, err := os.Stat(to)
		if err == nil && info.Mode()&os.ModeNamedPipe != 0 && strings.HasPrefix(to, s.path("bulkhead.d")+"/") {
			n++
		}
	}
	return n
}
