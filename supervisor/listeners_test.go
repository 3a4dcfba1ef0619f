package supervisor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/listen"
)

// listening is a config of a listener and a program.
func listening(events ...string) *conf.Config {
	c := join(worker("ears", 1, func(p *conf.Program) {
		p.Listener = &conf.Listener{Events: events, BufferSize: 10}
	}), worker("cat", 1, func(p *conf.Program) { p.AutoStart = false }))
	c.Supervisor.Identifier = "srv"
	return c
}

// heard are the events that were written to the listener, without what is the same in all.
func (w *world) heard() (out []string) {
	for _, line := range w.edge.log() {
		rest, ok := strings.CutPrefix(line, "say ears/1 ver:3.0 server:srv ")
		if !ok {
			continue
		}
		header, payload, _ := strings.Cut(rest, "\n")
		f := strings.Fields(header)
		out = append(out, strings.TrimPrefix(f[3], "eventname:")+" "+payload)
	}
	return out
}

// listens has the listener answer OK as long as it hears something.
func (w *world) listens() (all []string) {
	for {
		got := w.heard()
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		w.says("RESULT 2\nOKREADY\n")
	}
}

// says is what the listener prints.
func (w *world) says(text string) {
	w.loop.post(output{ref{w.loop.instances["ears"], 1}, "stdout", []byte(text)})
	w.after(0)
}

// TestListenerHearsStates: what shows of an instance's life, one event at a time, each
// after the last was answered.
func TestListenerHearsStates(t *testing.T) {
	within(t, listening("PROCESS_STATE"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		w.listens() // to its own start
		in := w.loop.instances["cat"]
		w.loop.post(stepRequest{in, programs.Start{}})
		w.after(2 * time.Second)
		w.loop.post(stepRequest{in, programs.MainExited{Run: 1, Exit: programs.Exit{Code: 3}}})
		w.after(0)
		got := w.listens()
		equal(t, "heard", got, []string{
			"PROCESS_STATE_STARTING processname:cat groupname:cat from_state:STOPPED tries:0",
			"PROCESS_STATE_RUNNING processname:cat groupname:cat from_state:STARTING pid:" + pidTold(got, 1),
			"PROCESS_STATE_EXITED processname:cat groupname:cat from_state:RUNNING expected:0 pid:" + pidTold(got, 2),
			"PROCESS_STATE_STARTING processname:cat groupname:cat from_state:EXITED tries:0",
		})
	})
}

// What a run prints before its process is known is told when it is, with its pid, as
// supervisord does, which reads nothing before.
func TestListenerHearsWhatIsPrintedEarly(t *testing.T) {
	within(t, listening("PROCESS_COMMUNICATION", "PROCESS_LOG", "PROCESS_STATE_RUNNING"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		w.listens() // to its own start
		in := w.loop.instances["cat"]
		w.loop.post(stepRequest{in, programs.Start{}})
		w.after(0)
		w.loop.post(captured{ref{in, 1}, "stdout", []byte("first")})
		w.loop.post(output{ref{in, 1}, "stderr", []byte("second")})
		w.after(0)
		if got := w.listens(); len(got) != 0 {
			t.Errorf("heard %q of a process that is not known", got)
		}
		w.after(2 * time.Second)
		w.loop.post(captured{ref{in, 1}, "stdout", []byte("third")})
		w.after(0)
		equal(t, "heard", w.listens(), []string{
			"PROCESS_COMMUNICATION_STDOUT processname:cat groupname:cat pid:1001\nfirst",
			"PROCESS_LOG_STDERR processname:cat groupname:cat pid:1001 channel:stderr\nsecond",
			"PROCESS_STATE_RUNNING processname:cat groupname:cat from_state:STARTING pid:1001",
			"PROCESS_COMMUNICATION_STDOUT processname:cat groupname:cat pid:1001\nthird",
		})
	})
}

// pidTold is the pid that an event has, which must not be 0.
func pidTold(events []string, i int) string {
	if i >= len(events) {
		return "?"
	}
	pid := events[i][strings.LastIndexByte(events[i], ':')+1:]
	if pid == "0" {
		return "a pid"
	}
	return pid
}

// stepRequest gives an instance an event as the edge would.
type stepRequest struct {
	in *instance
	e  programs.Event
}

func (q stepRequest) do(l *loop) { l.step(q.in, q.e) }

// TestListenerHearsTime: TICKs come by the clock, and cost nothing where nobody hears them.
func TestListenerHearsTime(t *testing.T) {
	within(t, listening("TICK_5"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		w.heard()
		w.after(5 * time.Second)
		got := w.heard()
		if len(got) != 1 || !strings.HasPrefix(got[0], "TICK_5 when:") {
			t.Errorf("%q", got)
		}
	})
	within(t, listening("PROCESS_GROUP"), nil, func(w *world) {
		w.after(time.Minute)
		if at := w.loop.boardDeadline(); at != 0 {
			t.Errorf("it waits until %v for nobody", at)
		}
	})
}

// TestListenerThatDies over an event: another run of it gets that again.
func TestListenerThatDies(t *testing.T) {
	within(t, listening("REMOTE_COMMUNICATION"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		w.loop.post(remoteComm{"kind", "data"})
		w.after(0)
		equal(t, "heard", w.heard(), []string{"REMOTE_COMMUNICATION type:kind\ndata"})
		in := w.loop.instances["ears"]
		w.loop.post(stepRequest{in, programs.MainExited{Run: 1, Exit: programs.Exit{Code: 1}}})
		w.after(2 * time.Second)
		w.loop.post(output{ref{in, 2}, "stdout", []byte("READY\n")})
		w.after(0)
		log := strings.Join(w.edge.log(), "|")
		if !strings.Contains(log, "say ears/2 ver:3.0 server:srv serial:0 pool:ears poolserial:0 eventname:REMOTE_COMMUNICATION") {
			t.Errorf("asked %q", log)
		}
	})
}

// TestListenerThatIsConfused is told nothing more, and the log says so once.
func TestListenerThatIsConfused(t *testing.T) {
	within(t, listening("REMOTE_COMMUNICATION"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("hello\n")
		w.says("READY\n")
		w.loop.post(remoteComm{"kind", "data"})
		w.after(0)
		equal(t, "heard", w.heard(), []string(nil))
		if got := w.kinds("trouble"); len(got) != 1 || !strings.Contains(got[0], "does not keep to the event protocol") {
			t.Errorf("told %q", got)
		}
	})
}

// TestListenersInAnUpgrade go on where they were; after a crash they are started again.
func TestListenersInAnUpgrade(t *testing.T) {
	var board listen.Board
	within(t, listening("REMOTE_COMMUNICATION"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		w.loop.post(remoteComm{"kind", "one"})
		w.loop.post(remoteComm{"kind", "two"})
		w.after(0)
		all := make(chan map[string]any, 1)
		w.loop.post(rememberedRequest{all})
		text, err := json.Marshal((<-all)[keyListeners])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		name string
		p    past
		want string
	}{
		{"upgrade", past{board: &board, running: true}, "say ears/1 ver:3.0 server:srv serial:1 pool:ears poolserial:1 eventname:REMOTE_COMMUNICATION"},
		{"crash", past{running: true, lost: true}, "signal ears/1 terminated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, listening("REMOTE_COMMUNICATION"), nil, func(w *world) {
				w.after(2 * time.Second)
				w.edge.log()
				w.loop.post(resumeRequest{c.p})
				w.says("RESULT 2\nOKREADY\n")
				if log := strings.Join(w.edge.log(), "|"); !strings.Contains(log, c.want) {
					t.Errorf("asked %q, want %q in it", log, c.want)
				}
			})
		})
	}
}

// resumeRequest forgets what the board knows, as a successor has to learn it.
type resumeRequest struct{ p past }

func (q resumeRequest) do(l *loop) {
	l.board = listen.Board{}
	l.resumeListeners(q.p)
}
