package supervisor

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alarm wakes the one who waits for it when it is due.
type alarm struct {
	timer timer

	mu  sync.Mutex
	due time.Time // zero: it is not to ring
}

// timer is what an alarm is made of: [kernelTimer], in tests one of Go's.
type timer interface {
	// set has wait return after d, and not when it was to before.
	set(d time.Duration)
	// wait is false once the timer is closed.
	wait() bool
	close()
}

// within has it ring after d, or earlier if it is to.
func (a *alarm) within(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if due := time.Now().Add(d); a.due.IsZero() || due.Before(a.due) {
		a.due = due
		a.timer.set(d)
	}
}

// wait returns when it rings, once; false when it never will again.
func (a *alarm) wait() bool {
	rang := a.timer.wait()
	a.mu.Lock()
	a.due = time.Time{}
	a.mu.Unlock()
	return rang
}

// kernelTimer is a timerfd. Go keeps its own timers by the time-out of epoll_wait, which ends up
// to 0.1 % late (select_estimate_accuracy of fs/select.c), and its monitor thread, which is awake on time,
// naps 20 µs at a time until then: for a wait of 2 s, some fifteen wake-ups instead of one or two.
type kernelTimer struct {
	file *os.File
	raw  syscall.RawConn
}

func newKernelTimer() (kernelTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return kernelTimer{}, fmt.Errorf("cannot create a timer: %v", err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return kernelTimer{}, fmt.Errorf("cannot create a timer: %v", err)
	}
	return kernelTimer{file, raw}, nil
}

func (t kernelTimer) set(d time.Duration) {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))} // 0 would be never
	// It fails for one that is closed, which rings no more.
	_ = t.raw.Control(func(fd uintptr) {
		_ = unix.TimerfdSettime(int(fd), 0, &at, nil)
	})
}

func (t kernelTimer) wait() bool {
	var rung [8]byte // how often
	return t.raw.Read(func(fd uintptr) bool {
		_, _, errno := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&rung[0])), unsafe.Sizeof(rung))
		return errno != unix.EAGAIN // not yet
	}) == nil
}

func (t kernelTimer) close() { t.file.Close() }
