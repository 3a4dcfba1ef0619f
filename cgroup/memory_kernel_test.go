//go:build kernel

package cgroup

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKernelTripwire(t *testing.T) {
	p := program(t, realTree(t), "leak")
	r := newRun(t, p, "leak", 1, Limits{MemoryHigh: 48 * mib, MemoryMax: 400 * mib, MemorySwapMax: 0})
	fd, err := r.EventsFD()
	if err != nil {
		t.Fatal(err)
	}
	if wakes(t, fd, 0) {
		t.Error("memory.events.local woke before anything happened")
	}
	trigger, err := r.PressureTrigger(true, 100*time.Millisecond, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(trigger)
	cmd := start(t, r, "grow", "120")
	if !wakes(t, fd, patience) {
		t.Fatal("crossing memory.high woke nobody")
	}
	if c := counts(t, r); c.High == 0 {
		t.Errorf("woken without a high event: %+v", c)
	}
	now := read(t, r)
	if now.MeasureFromCurrent < 32*mib || now.MeasureFromCurrent > 70*mib {
		t.Errorf("at the crossing of 48M: %+v", now)
	}
	if !wakes(t, trigger, patience) {
		t.Error("a worker wedged at memory.high caused no pressure event")
	}
	stuck := read(t, r)
	if stuck.Current > 80*mib {
		t.Errorf("memory.high did not hold: %+v", stuck)
	}
	if p := counts(t, p); p.High != 0 {
		t.Errorf("the run's own limit counts at the program: %+v", p)
	}
	if err := r.SetHigh(Unlimited); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the lifted worker could not finish: %v", err)
	}
	if after := read(t, r); after.Peak < 120*mib {
		t.Errorf("peak %d after growing by 120M", after.Peak)
	}
	if wakes(t, fd, 0) {
		counts(t, r)
	}
	if wakes(t, fd, 0) {
		t.Error("reading the counts did not re-arm the event")
	}
	remove(t, r)
	if !wakes(t, fd, patience) {
		t.Error("removal woke nobody")
	}
}

func TestKernelPageCacheIsNotMeasured(t *testing.T) {
	p := program(t, realTree(t), "cache")
	r := newRun(t, p, "cache", 1, Limits{MemoryHigh: 96 * mib, MemorySwapMax: 0})
	// On a file system of its own: tmpfs would be shared memory.
	cmd := start(t, r, "readfiles", "64")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // memory.stat's longest lag
	got := read(t, r)
	t.Logf("after reading 64M of files: %+v", got)
	if got.Cache < 48*mib || got.Current < 48*mib {
		t.Fatalf("the files left no cache: %+v", got)
	}
	if got.Measure > 8*mib || got.MeasureFromCurrent > 8*mib {
		t.Errorf("cache is measured: %+v", got)
	}
	fd, err := unix.Open(p.Path()+"/cgroup.stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	before := read(t, p)
	remove(t, r)
	after := read(t, p)
	t.Logf("program before removal %d, after %d", before.Current, after.Current)
	if after.Current > 8*mib {
		t.Errorf("Remove left %d bytes charged to the program, of %d", after.Current, before.Current)
	}
	eventually(t, "no dying cgroup stays", func() bool {
		b, err := preadAll(fd, make([]byte, 512))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte("nr_dying_descendants 0\n"))
	})
}

func TestKernelOOMStaysInItsCompartment(t *testing.T) {
	p := program(t, realTree(t), "queue")
	big := newRun(t, p, "queue_00", 1, Limits{MemoryMax: 48 * mib, MemorySwapMax: 0})
	calm := newRun(t, p, "queue_01", 1, Limits{MemoryMax: 48 * mib, MemorySwapMax: 0})
	neighbour := start(t, calm, "sleep")
	cmd := start(t, big, "withchild", "grow", "200")
	cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGKILL {
		t.Fatalf("the balloon ended with %v", cmd.ProcessState)
	}
	empty(t, big) // memory.oom.group: the helper process too
	b, c, pc := counts(t, big), counts(t, calm), counts(t, p)
	t.Logf("balloon %+v, neighbour %+v, program %+v", b, c, pc)
	if b.OOMKill == 0 || b.OOM == 0 || b.OOMGroupKill != 1 {
		t.Errorf("the balloon's counts: %+v", b)
	}
	if c != (Counts{}) || pc != (Counts{}) {
		t.Errorf("counted elsewhere: neighbour %+v, program %+v", c, pc)
	}
	if err := neighbour.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the neighbour did not survive: %v", err)
	}
}

func TestKernelOOMAtTheProgramsLevel(t *testing.T) {
	p := program(t, realTree(t), "queue")
	if err := p.Apply(Limits{MemoryMax: 64 * mib, MemorySwapMax: 0}); err != nil {
		t.Fatal(err)
	}
	r := newRun(t, p, "queue_00", 1, Limits{MemorySwapMax: Unlimited})
	cmd := start(t, r, "grow", "300")
	cmd.Wait()
	rc, pc := counts(t, r), counts(t, p)
	t.Logf("run %+v, program %+v", rc, pc)
	if pc.OOM == 0 || pc.OOMKill != 0 {
		t.Errorf("at the program, whose limit it was: %+v", pc)
	}
	if rc.OOM != 0 || rc.OOMKill == 0 {
		t.Errorf("at the run, whose process it was: %+v", rc)
	}
}

func TestKernelReclaim(t *testing.T) {
	p := program(t, realTree(t), "q")
	r := newRun(t, p, "q", 1, Limits{MemorySwapMax: 0})
	start(t, r, "grow", "20", "sleep")
	eventually(t, "the child has grown", func() bool { return read(t, r).Current > 20*mib })
	// Nothing to take without swap: EAGAIN, which is an answer and no error.
	done := make(chan error, 1)
	go func() { done <- r.Reclaim(gib) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Reclaim hangs")
	}
}
