package acceptance_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// listens is a small web server on LISTENS_ON. By SIGUSR1 it stops listening, and
// lives on.
func listens() {
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf, syscall.SIGUSR1)
	l, err := net.Listen("tcp", os.Getenv("LISTENS_ON"))
	if err != nil {
		fail(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, os.Getpid()) })}
	go func() { _ = server.Serve(l) }() // until it is closed
	<-deaf
	server.Close()
	for {
		_ = syscall.Pause()
	}
}

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A server that stops listening and does not end is found out, restarted gracefully, and
// is back. Whoever upgrades meanwhile leaves no check behind.
func TestUnhealthyServer(t *testing.T) { inModes(t, unhealthyServer) }

func unhealthyServer(t *testing.T, cgroup string) {
	address := freeAddress(t)
	s := serve(t, cgroup, "[programs.web]\n"+ownProgram(t, "listens", "LISTENS_ON="+address)+fmt.Sprintf(`startretries = 0
stopwaitsecs = 60
[programs.web.health]
http     = "http://%s/ping"
interval = 1
retries  = 2
timeout  = "1m"
start    = "1h"
[programs.slow]
command = "sleep 1000000"
[programs.slow.health]
command = "sleep 999999"
timeout = "1h"
`, address))
	well := func(st control.Status) bool { return st.Health == "healthy" }
	before := s.await("web", "is healthy", well)
	s.ctl("signal", "USR1", "web")
	s.events.await(t, "it is found out", atLeast(1, endedAs("unhealthy")))
	after := s.await("web", "is healthy again", well)
	if after.Run != 2 || after.PID == before.PID || after.Restarts != 1 {
		t.Errorf("%+v, after %+v", after, before)
	}
	if r := after.LastReason; r.Kind != "unhealthy" || r.Signal != "SIGTERM" || !strings.HasPrefix(r.Detail, "http http://"+address+"/ping: connection refused, 2 in a row") {
		t.Errorf("%+v", r)
	}
	failing := pick(s.events.events(), kindOf("failing"))
	if len(failing) != 1 || failing[0].Name != "web" || !strings.HasPrefix(failing[0].Message, "failing 1/2: ") {
		t.Errorf("%+v", failing)
	}
	if out := s.ctl("why", "web"); !strings.Contains(out, "unhealthy: http http://"+address) {
		t.Errorf("why says:\n%s", out)
	}
	asked := func() (pids []int) {
		for _, pid := range marked(t, s.mark()) {
			if strings.Contains(slurp(fmt.Sprintf("/proc/%d/cmdline", pid)), "999999") {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	eventually(t, "the slow one is being asked", func() bool { return len(asked()) == 1 })
	check := asked()[0]
	s.upgrade()
	if st := processState(check); st != "" {
		t.Errorf("the check of before is there, in state %s", st)
	}
	now := s.await("web", "is healthy for the next supervisor", well)
	if now.PID != after.PID || now.Run != 2 {
		t.Errorf("%+v, after %+v", now, after)
	}
	eventually(t, "the slow one is asked by the next supervisor", func() bool { return len(asked()) == 1 })
	s.ctl("stop", "slow")
	if n := len(asked()); n != 0 {
		t.Errorf("%d checks outlive what they asked", n)
	}
	if st := s.one("slow"); st.LastReason.Kind != "stopped" || len(pick(s.events.events(), kindOf("leftovers"))) != 0 {
		t.Errorf("the check was taken for what the program has left behind: %+v", st.LastReason)
	}
}

// Monitoring that wants to be killed first, and what it has started, is put back to what
// the config says, or is left alone where that is said.
func TestOOMScoreIsKept(t *testing.T) { inModes(t, keepsScores) }

func keepsScores(t *testing.T, cgroup string) {
	const raise = "echo 900 > /proc/self/oom_score_adj; "
	s := serve(t, cgroup, worker("kept", "sh -c '"+raise+"exec sleep 1000000' & wait", "limits.oom_score_adj = 100")+
		worker("free", raise+"exec sleep 1000000", "limits.oom_score_keep = false"))
	s.events.await(t, "it is put back", atLeast(1, kindOf("oom_score")))
	e := pick(s.events.events(), kindOf("oom_score"))[0]
	if e.Name != "kept" || e.Fields["from"] != "900" || e.Fields["to"] != "100" || e.PID == s.one("kept").PID {
		t.Errorf("%+v", e)
	}
	if text := strings.TrimSpace(slurp(fmt.Sprintf("/proc/%d/oom_score_adj", e.PID))); text != "100" {
		t.Errorf("it has %s", text)
	}
	if text := strings.TrimSpace(slurp(fmt.Sprintf("/proc/%d/oom_score_adj", s.one("free").PID))); text != "900" {
		t.Errorf("who is to be left alone has %s", text)
	}
	if out := s.ctl("events"); !strings.Contains(out, "had set its oom_score_adj to 900: put back to 100") {
		t.Errorf("events says:\n%s", out)
	}
}
