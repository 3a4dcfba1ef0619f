package acceptance_test

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// tells is a worker that says READY=1 and then, every few milliseconds, that a
// job is done. At its end, by SIGTERM, it appends to TELLS_LOG how many it has
// told, and how many it could not tell.
func tells() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	say := func(text string) error {
		c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte(text))
		return err
	}
	if err := say("READY=1"); err != nil {
		fail(err)
	}
	told, failed := 0, 0
	for {
		select {
		case <-term:
			appendLine(os.Getenv("TELLS_LOG"), fmt.Sprintf("%d %d\n", told, failed))
			os.Exit(0)
		case <-time.After(5 * time.Millisecond):
		}
		if say("JOBS_DONE=1") == nil {
			told++
		} else {
			failed++
		}
	}
}

// Who talks to the notify socket is heard again, and never ended by it; in an
// upgrade nothing that was said is missed.
func TestTakeoverOfTheNotifySocket(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				log := filepath.Join(t.TempDir(), "told")
				s := serve(t, cgroup, "[programs.w]\n"+ownProgram(t, "tells", "TELLS_LOG="+log)+"notify = true\nstdout_logfile = \"none\"\n")
				before := s.await("w", "is up and heard", func(st control.Status) bool { return st.State == "RUNNING" && st.JobsDone > 5 })
				for range 3 {
					s.do(control.Order{Verb: "start", Names: []string{"w"}}) // changes nothing, and is answered when all before is on disk
					w.goOn(s, nil)
					counted := s.one("w")
					if counted.PID != before.PID || counted.JobsDone < before.JobsDone {
						t.Errorf("before %+v, after %+v", before, counted)
					}
					before = s.await("w", "is heard again", func(st control.Status) bool { return st.JobsDone > counted.JobsDone+5 })
				}
				s.ctl("stop", "w")
				var told, failed int64
				if _, err := fmt.Sscan(slurp(log), &told, &failed); err != nil {
					t.Fatal(err)
				}
				done := s.one("w").LastReason.JobsDone
				if done > told || w.name == upgrade.name && (done != told || failed != 0) {
					t.Errorf("%d jobs counted, %d were told, %d could not be", done, told, failed)
				}
				figure("cgroup %s, %s: %d jobs counted of %d told; %d could not be told", cgroup, w.name, done, told, failed)
			})
		}
	})
}
