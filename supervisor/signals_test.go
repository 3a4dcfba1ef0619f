package supervisor

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

func TestHangupUpdates(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.d.read = func() (*conf.Config, error) { return worker("queue", 2, nil), nil }
		for range 2 { // the second changes nothing, and says nothing
			w.d.signalled(w.ctx, syscall.SIGHUP)
			w.after(2 * time.Second)
		}
		if snap, _ := w.loop.publish.get(); len(snap.views) != 2 {
			t.Errorf("%d instances", len(snap.views))
		}
		equal(t, "told", w.kinds("supervisor"), []string{"updated to the config file"})
		w.d.read = func() (*conf.Config, error) { return nil, errors.New("bulkhead.toml:3: numprocs: no number") }
		w.d.signalled(w.ctx, syscall.SIGHUP)
		w.after(0)
		equal(t, "trouble", w.kinds("trouble"), []string{"could not be done: updated to the config file: bulkhead.toml:3: numprocs: no number"})
		if snap, _ := w.loop.publish.get(); len(snap.views) != 2 {
			t.Errorf("a bad config left %d instances", len(snap.views))
		}
	})
}

func TestUSR2ReopensTheLogs(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		path := filepath.Join(t.TempDir(), "log")
		w.d.logs = logs.NewSet(nil)
		sink, err := w.d.logs.Open(logs.Target{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		w.d.signalled(w.ctx, syscall.SIGUSR2)
		w.after(0)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		equal(t, "told", w.kinds("supervisor"), []string{"opened the logs anew"})
	})
}

// Real signals, sent to the test itself: one begins the end, one more hurries.
func TestSignalsAreTaken(t *testing.T) {
	own := make(chan os.Signal, 100) // the test must survive what comes before signals listens
	signal.Notify(own, syscall.SIGTERM)
	defer signal.Stop(own)
	l := newLoop(&conf.Config{}, newFakeEdge(), zap.NewNop(), newJournal())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := make(chan struct{})
	defer hearAll()()
	go func() { signals(ctx, &daemon{loop: l}); close(gone) }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for taken := false; !taken; {
		select {
		case e := <-l.events:
			_, taken = e.(endRequest)
		case <-again.C:
			if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
		case <-late:
			t.Fatal("SIGTERM is not taken")
		}
	}
	cancel()
	within30s(t, "the end of signals", gone)
}

// What the host's shutdown announces is one wish for an end, however often it is said.
func TestForewarned(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(5 * time.Second)
		w.loop.post(forewarning{})
		w.after(time.Second)
		w.loop.post(endRequest{}) // the signal that follows
		w.after(time.Second)
		equal(t, "killed", w.edge.only("kill", w.edge.log()), nil)
		w.loop.post(endRequest{})
		w.after(10 * time.Millisecond)
		if got := w.edge.only("kill", w.edge.log()); len(got) == 0 {
			t.Error("a second signal does not hurry")
		}
	})
}
