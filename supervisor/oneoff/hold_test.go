package oneoff

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the test binary be other processes that want a slot.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ONEOFF_TEST_DIR"); dir != "" {
		holdSlot(dir)
	}
	os.Exit(m.Run())
}

// holdSlot takes a slot of the lock "a", says so, and holds it until its input ends.
func holdSlot(dir string) {
	slots, _ := strconv.Atoi(os.Getenv("ONEOFF_TEST_SLOTS"))
	h, err := turnstile{dir, "a", slots}.take(context.Background(), true, func(pids []int) { fmt.Println("waits", pids) })
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("has")
	_, _ = io.Copy(io.Discard, os.Stdin)
	h.release()
	os.Exit(0)
}

// other is a process that holds, or wants, a slot.
type other struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.Closer
	out  *bufio.Scanner
	once sync.Once
}

func another(t *testing.T, dir string, slots int) *other {
	t.Helper()
	o := &other{t: t, cmd: exec.Command("/proc/self/exe")}
	o.cmd.Env = append(os.Environ(), "ONEOFF_TEST_DIR="+dir, "ONEOFF_TEST_SLOTS="+strconv.Itoa(slots))
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	o.out = bufio.NewScanner(out)
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.end)
	return o
}

func (o *other) line() string {
	o.t.Helper()
	if !o.out.Scan() {
		o.t.Fatalf("no line: %v", o.out.Err())
	}
	return o.out.Text()
}

func (o *other) want(line string) {
	o.t.Helper()
	if got := o.line(); got != line {
		o.t.Fatalf("it says %q, want %q", got, line)
	}
}

// end lets it give its slot back.
func (o *other) end() {
	o.once.Do(func() {
		o.in.Close()
		if err := o.cmd.Wait(); err != nil {
			o.t.Errorf("another process: %v", err)
		}
	})
}

// kill ends it in the middle.
func (o *other) kill() {
	o.once.Do(func() {
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
		o.in.Close()
	})
}

func untold([]int) {}

func TestSlots(t *testing.T) {
	dir := t.TempDir()
	lock := turnstile{dir, "a", 2}
	first, second := another(t, dir, 2), another(t, dir, 2)
	first.want("has")
	second.want("has")
	if h, err := lock.take(t.Context(), false, untold); !errors.Is(err, errTaken) {
		t.Fatalf("a third: %v %v", h, err)
	}
	pids := []int{first.cmd.Process.Pid, second.cmd.Process.Pid}
	got := lock.holders()
	slices.Sort(pids)
	slices.Sort(got)
	if !slices.Equal(got, pids) {
		t.Errorf("held by %v, want %v", got, pids)
	}
	// With more slots there is room; with fewer there is none, whichever slots are held.
	wide, err := turnstile{dir, "a", 3}.take(t.Context(), false, untold)
	if err != nil {
		t.Fatal(err)
	}
	first.end()
	second.end()
	if h, err := (turnstile{dir, "a", 1}).take(t.Context(), false, untold); !errors.Is(err, errTaken) {
		t.Errorf("one slot while the third of three is held: %v %v", h, err)
	}
	if got := lock.holders(); !slices.Equal(got, []int{os.Getpid()}) {
		t.Errorf("held by %v, want this process", got)
	}
	wide.release()
	again, err := turnstile{dir, "a", 1}.take(t.Context(), false, untold)
	if err != nil {
		t.Fatal(err)
	}
	again.release()
	// Another name is another lock, even one that begins alike.
	for _, name := range []string{"a.slot", "a.slot.1", "ab"} {
		h, err := turnstile{dir, name, 1}.take(t.Context(), false, untold)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h.release()
	}
}

func TestKilledHolderFreesItsSlot(t *testing.T) {
	dir := t.TempDir()
	holder := another(t, dir, 1)
	holder.want("has")
	waiter := another(t, dir, 1)
	waiter.want(fmt.Sprintf("waits [%d]", holder.cmd.Process.Pid))
	holder.kill()
	waiter.want("has")
	if got := (turnstile{dir, "a", 1}).holders(); !slices.Equal(got, []int{waiter.cmd.Process.Pid}) {
		t.Errorf("held by %v", got)
	}
	waiter.kill()
	if got := (turnstile{dir, "a", 1}).holders(); len(got) != 0 {
		t.Errorf("held by %v, who is dead", got)
	}
}

// Whoever came first is served first.
func TestWaitersKeepTheirOrder(t *testing.T) {
	dir := t.TempDir()
	holder := another(t, dir, 1)
	holder.want("has")
	said := fmt.Sprintf("waits [%d]", holder.cmd.Process.Pid)
	var line []*other
	for range 5 {
		o := another(t, dir, 1)
		o.want(said) // so it is in the queue
		line = append(line, o)
	}
	var order []int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, o := range line {
		all.Go(func() {
			o.want("has")
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			o.end()
		})
	}
	holder.end()
	all.Wait()
	if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
		t.Errorf("served in the order %v", order)
	}
}

func TestNeverMoreThanTheSlots(t *testing.T) {
	dir := t.TempDir()
	var now, most atomic.Int32
	var all sync.WaitGroup
	for range 40 { // each with descriptors of its own, so as good as processes
		all.Go(func() {
			h, err := turnstile{dir, "a", 3}.take(t.Context(), true, untold)
			if err != nil {
				t.Error(err)
				return
			}
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			now.Add(-1)
			h.release()
		})
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestWaitEnds(t *testing.T) {
	dir := t.TempDir()
	h, err := turnstile{dir, "a", 1}.take(t.Context(), true, untold)
	if err != nil {
		t.Fatal(err)
	}
	defer h.release()
	give := func() {
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, cause)
		defer cancel()
		if _, err := (turnstile{dir, "a", 1}).take(ctx, true, untold); !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
	}
	give() // at the head of the queue
	queue, err := awaitHold(t.Context(), turnstile{dir, "a", 1}.queue())
	if err != nil {
		t.Fatal(err)
	}
	give() // behind it
	queue.release()
	if queue, err = awaitHold(t.Context(), turnstile{dir, "a", 1}.queue()); err != nil { // who gave up does not keep it
		t.Fatal(err)
	}
	queue.release()
	if _, err := (turnstile{dir + "/none", "a", 1}).take(t.Context(), true, untold); err == nil || !strings.Contains(err.Error(), "cannot open lock") {
		t.Errorf("without a folder: %v", err)
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add([]byte("1234 567\n"))
	f.Add([]byte("-1 0\n"))
	f.Add([]byte("1234 567"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pid, start, ok := parseSignature(b)
		again, when, same := parseSignature(fmt.Appendf(nil, "%d %d\n", pid, start))
		if ok && (pid <= 0 || !same || again != pid || when != start) {
			t.Errorf("%q: %d %d, and %d %d", b, pid, start, again, when)
		}
	})
}
