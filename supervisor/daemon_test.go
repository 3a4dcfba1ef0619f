package supervisor

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/logs"
)

func TestHistory(t *testing.T) {
	prepare := func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) {
			time.AfterFunc(5*time.Second, func() { e.exit(r, programs.Exit{Code: int(r.n)}, false) })
		}
	}
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(time.Hour)
		found, bad := w.d.History(w.ctx, []string{"queue", "nope"})
		if len(found) != 1 || len(bad) != 1 || bad[0].Fault != control.BadName {
			t.Fatalf("%+v %+v", found, bad)
		}
		h := found[0]
		if len(h.Reasons) != keepReasons || h.Reasons[0].ExitCode != int(h.Status.LastReason.Run) {
			t.Errorf("%d reasons, newest %+v", len(h.Reasons), h.Reasons[0])
		}
		for i, r := range h.Reasons[1:] {
			if r.Run != h.Reasons[i].Run-1 {
				t.Errorf("reason %d is of run %d, after that of run %d", i+1, r.Run, h.Reasons[i].Run)
			}
		}
		if all, _ := w.d.History(w.ctx, nil); len(all) != 1 {
			t.Errorf("without names: %+v", all)
		}
	})
}

func TestTailFaults(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.log")
	if err := os.WriteFile(out, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := worker("queue", 2, func(p *conf.Program) {
		p.Instances[0].Stdout.Path = out
		p.Instances[0].Stderr.Path = filepath.Join(dir, "not written yet")
		p.Instances[1].Stdout.Path = "-"
	})
	within(t, c, nil, func(w *world) {
		w.d.logs = logs.NewSet(nil)
		for _, tt := range []struct {
			name, channel string
			want          control.Fault
			text          string
		}{
			{"queue:queue_00", "stdout", control.NoFault, "two\n"},
			{"queue:queue_00", "stderr", control.NoFile, ""},
			{"queue:queue_01", "stdout", control.NoFile, ""}, // to our own output
			{"queue:queue_01", "stderr", control.NoFile, ""}, // thrown away
			{"queue:*", "stdout", control.BadName, ""},       // more than one
			{"nope", "stdout", control.BadName, ""},
			{"", "stdout", control.NoFile, ""}, // the main log is standard error
		} {
			r, fault, err := w.d.Tail(w.ctx, tt.name, tt.channel, 4, false)
			if fault != tt.want || (err == nil) != (fault == control.NoFault) {
				t.Errorf("%s %s: %q %v, want %q", tt.name, tt.channel, fault, err, tt.want)
				continue
			}
			if err != nil {
				continue
			}
			if b, err := io.ReadAll(r); err != nil || string(b) != tt.text {
				t.Errorf("%s %s: %q %v", tt.name, tt.channel, b, err)
			}
			r.Close()
		}
	})
}

func TestClear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := worker("queue", 1, func(p *conf.Program) { p.Instances[0].Stdout.Path = path; p.Instances[0].Stderr.Path = "-" })
	within(t, c, nil, func(w *world) {
		w.d.logs = logs.NewSet(nil)
		out := w.do(control.Order{Verb: "clear", Names: []string{"queue", "nope"}})
		if len(out) != 2 || out[0].Fault != control.BadName || out[1].Done != "cleared" {
			t.Errorf("%+v", out)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("%v %v", info, err)
		}
	})
}

func TestUpdateOutcomes(t *testing.T) {
	within(t, join(worker("a", 1, nil), worker("b", 1, nil)), nil, func(w *world) {
		w.after(2 * time.Second)
		w.d.read = func() (*conf.Config, error) { return join(worker("a", 2, nil), worker("c", 1, nil)), nil }
		changes, err := w.d.Reread(w.ctx)
		if err != nil || len(changes.Added) != 1 || len(changes.Changed) != 1 || len(changes.Removed) != 1 {
			t.Errorf("reread: %+v %v", changes, err)
		}
		w.edge.log()
		equal(t, "asked by reread", w.edge.log(), nil)
		out := w.do(control.Order{Verb: "update", Names: []string{"a", "nope"}})
		want := []control.Outcome{{Name: "nope", Fault: control.BadName}, {Name: "a", Done: "updated process group"}}
		if len(out) != 2 || out[0] != want[0] || out[1] != want[1] {
			t.Errorf("%+v, want %+v", out, want)
		}
		// One that is there and has not changed is no fault.
		if out := w.do(control.Order{Verb: "update", Names: []string{"a"}}); len(out) != 0 {
			t.Errorf("%+v", out)
		}
		out = w.do(control.Order{Verb: "update", Names: []string{"a", "all"}})
		if len(out) != 3 || out[0].Done != "stopped" || out[1].Done != "removed process group" || out[2].Done != "added process group" {
			t.Errorf("%+v", out)
		}
		w.d.read = func() (*conf.Config, error) { return nil, errors.New("bulkhead.toml:3: no") }
		_, err = w.d.Do(w.ctx, control.Order{Verb: "update"})
		var e *control.Error
		if !errors.As(err, &e) || e.Fault != control.CantReread || e.Message != "bulkhead.toml:3: no" {
			t.Errorf("%v", err)
		}
	})
}

// Nobody waits for a loop that has ended, not even one whose question it has
// taken and not answered.
func TestAskingAnEndedLoop(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = 0 }, func(w *world) {
		w.d.read = func() (*conf.Config, error) { return worker("queue", 1, nil), nil }
		w.loop.post(endRequest{})
		w.after(time.Second)
		if !w.ended() {
			t.Fatal("the loop has not ended")
		}
		var e *control.Error
		for range 20 { // its queue has room: asking may succeed
			if _, err := w.d.Do(w.ctx, control.Order{Verb: "stop", Names: []string{"queue"}}); !errors.As(err, &e) || e.Fault != control.ShuttingDown {
				t.Fatalf("%v", err)
			}
			if _, err := w.d.Reread(w.ctx); !errors.As(err, &e) || e.Fault != control.ShuttingDown {
				t.Fatalf("%v", err)
			}
			if _, fault, err := w.d.Tail(w.ctx, "", "stdout", 10, false); fault != control.NoFile || err == nil {
				t.Fatalf("%v %v", fault, err)
			}
		}
	})
}

// Nor for one that is busy, longer than the caller has time.
func TestAskingABusyLoop(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		release := make(chan struct{})
		w.loop.post(blocking(release))
		w.after(0)
		for range cap(w.loop.events) {
			w.loop.post(note{})
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		if _, err := w.d.Do(ctx, control.Order{Verb: "stop", Names: []string{"queue"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		close(release)
	})
}

type blocking chan struct{}

func (b blocking) do(*loop) { <-b }
