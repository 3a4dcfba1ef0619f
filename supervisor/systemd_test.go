package supervisor

import (
	"context"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// READY=1 comes when the first starts are done, a failed one too, and once.
func TestSystemdIsToldReady(t *testing.T) {
	within(t, worker("queue", 3, nil), func(e *fakeEdge) { e.boot = 2 * time.Second }, func(w *world) {
		w.after(time.Second)
		equal(t, "before the processes exist", w.toldSystemd(), nil)
		w.after(2 * time.Second)
		equal(t, "when they do", w.toldSystemd(), []string{"READY=1\nSTATUS=3 instances"})
		w.do(control.Order{Verb: "restart", Names: []string{"all"}})
		w.after(time.Minute)
		equal(t, "after a restart", w.toldSystemd(), nil)
	})
}

func TestSystemdIsAskedForTime(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.StopWait = time.Minute })
	within(t, c, func(e *fakeEdge) { e.finish = 25 * time.Second }, func(w *world) {
		w.after(time.Second)
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		go w.loop.takeTime(ctx)
		w.after(time.Minute)
		w.toldSystemd()
		w.loop.post(endRequest{})
		w.after(24 * time.Second)
		got := strings.Join(w.toldSystemd(), " ")
		if got != "STOPPING=1"+strings.Repeat(" EXTEND_TIMEOUT_USEC=30000000", 3) {
			t.Errorf("told %q", got)
		}
	})
}

// The watchdog hears the loop, not a goroutine beside it.
func TestSystemdWatchdog(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "4000000")
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(time.Second)
		w.toldSystemd()
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		go w.loop.pet(ctx)
		w.after(5 * time.Second)
		equal(t, "told", w.toldSystemd(), []string{"WATCHDOG=1", "WATCHDOG=1"})
	})
}

func TestReloadingSaysWhen(t *testing.T) {
	if s := reloading(); !strings.HasPrefix(s, "RELOADING=1\nMONOTONIC_USEC=") || len(s) < 30 {
		t.Errorf("%q", s)
	}
}
