package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/kmsg"
)

const (
	kernelLogPath = "/dev/kmsg"
	// recordMost is more than a record can be (CONSOLE_EXT_LOG_MAX, PRINTK_MESSAGE_MAX).
	recordMost = 16 << 10
	// killSettled is how long the log must be silent until a kill is told: the kernel
	// tells of all processes of a cgroup in one go.
	killSettled = 100 * time.Millisecond
	// lostAgain is how often it is told at most that records were lost.
	lostAgain = time.Minute
)

// seenKill is an OOM kill as the edge knows it.
type seenKill struct {
	kmsg.Kill
	at       time.Time
	owner    runName // whose cgroup it hit; program "" none of ours
	unknown  bool    // its cgroup does not tell whose it was
	pressure *control.Pressure
}

// killsSeen is news from the kernel's log.
type killsSeen struct {
	kills []seenKill
	past  bool // they happened before it was followed
	lost  uint64
}

// logUnread is that the kernel's log cannot be read, or not any more.
type logUnread struct{ err error }

// kernelLog is /dev/kmsg: each read returns one record.
type kernelLog interface {
	io.Reader
	ReadNow(p []byte) (int, error) // EAGAIN: there is none yet
	SetReadDeadline(time.Time) error
}

type kmsgFile struct{ *os.File }

func (f kmsgFile) ReadNow(p []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	bad := raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), p)
		return true
	})
	if bad != nil {
		return 0, bad
	}
	return n, err
}

// watchKernelLog follows the kernel's log until ctx ends. It begins with what the log
// holds since the boot: who has seen it already is found out by whom it is told.
func (h *host) watchKernelLog(ctx context.Context) {
	file, err := os.OpenFile(kernelLogPath, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		h.post(logUnread{err})
		return
	}
	defer context.AfterFunc(ctx, func() { file.Close() })()
	defer file.Close()
	r := logReader{log: kmsgFile{file}, post: h.post, owner: h.ownerOf, pressure: readPressure, boot: sinceBoot,
		decoder: kmsg.Decoder{PageSize: int64(os.Getpagesize())}}
	if err := r.follow(); ctx.Err() == nil {
		h.post(logUnread{err})
	}
}

// ownerOf says whose run a cgroup of the kernel's log is, or was; known is false where
// memory belongs to other cgroups than ours, and where the log names none.
func (h *host) ownerOf(kernelPath string) (n runName, known bool) {
	if h.tree.Mode() != cgroup.Enforced || kernelPath == "" {
		return n, false
	}
	if e, ok := h.tree.Holder(kernelPath); ok {
		n = runName{e.Program, e.Instance, e.Run}
	}
	return n, true
}

func readPressure() *control.Pressure {
	text, err := os.ReadFile("/proc/pressure/memory")
	if err != nil {
		return nil // a kernel without PSI
	}
	return &control.Pressure{Some: averageOf(text, "some"), Full: averageOf(text, "full")}
}

// logReader makes news of the kernel's log.
type logReader struct {
	log      kernelLog
	decoder  kmsg.Decoder
	post     func(any)
	owner    func(kernelPath string) (n runName, known bool)
	pressure func() *control.Pressure
	boot     func() time.Duration // the time since the boot

	short  *control.Pressure // when the pending kill was heard of
	told   uint64            // losses that were told
	toldAt time.Time
}

// follow returns when the log cannot be read any more.
func (r *logReader) follow() error {
	buf := make([]byte, recordMost)
	if err := r.history(buf); err != nil {
		return err
	}
	for {
		pending := r.decoder.Pending()
		deadline := time.Time{}
		if pending {
			deadline = time.Now().Add(killSettled)
		}
		if err := r.log.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, err := r.log.Read(buf)
		var kills []kmsg.Kill
		switch {
		case err == nil:
			kills = r.feed(buf[:n])
		case errors.Is(err, os.ErrDeadlineExceeded):
			kills = r.decoder.Flush()
		case errors.Is(err, unix.EPIPE): // overwritten; the next read goes on behind it
		default:
			return err
		}
		r.tell(kills)
		if r.decoder.Pending() && (!pending || len(kills) > 0) {
			r.short = r.pressure()
		}
	}
}

// history reads what is there, and tells of it in one piece.
func (r *logReader) history(buf []byte) error {
	var kills []kmsg.Kill
	for {
		n, err := r.log.ReadNow(buf)
		if errors.Is(err, unix.EAGAIN) && r.decoder.Pending() { // the kernel may be in the middle of it
			if err := r.log.SetReadDeadline(time.Now().Add(killSettled)); err != nil {
				return err
			}
			n, err = r.log.Read(buf)
		}
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		kills = append(kills, r.feed(buf[:n])...)
	}
	kills = append(kills, r.decoder.Flush()...)
	now, since := time.Now(), r.boot()
	e := killsSeen{past: true, lost: r.decoder.Lost()}
	for _, k := range kills {
		e.kills = append(e.kills, r.seen(k, now.Add(k.At-since)))
	}
	r.told = e.lost
	r.post(e)
	return nil
}

func (r *logReader) feed(record []byte) []kmsg.Kill {
	rec, err := kmsg.ParseRecord(record)
	if err != nil {
		return nil // of a later kernel: nothing else can be done with it
	}
	return r.decoder.Feed(rec)
}

func (r *logReader) tell(kills []kmsg.Kill) {
	e := killsSeen{lost: r.decoder.Lost()}
	now := time.Now()
	for _, k := range kills {
		s := r.seen(k, now)
		s.pressure = r.short
		e.kills = append(e.kills, s)
	}
	lost := e.lost > r.told && now.Sub(r.toldAt) >= lostAgain
	if lost {
		r.told, r.toldAt = e.lost, now
	}
	if lost || len(e.kills) > 0 {
		r.post(e)
	}
}

func (r *logReader) seen(k kmsg.Kill, at time.Time) seenKill {
	owner, known := r.owner(cmp.Or(k.Cgroup, k.Whole))
	return seenKill{Kill: k, at: at, owner: owner, unknown: !known}
}

// whyUnread says what is missing, and what may be done about it.
func whyUnread(err error) string {
	text := fmt.Sprintf("OOM kills of others than our programs are not told: cannot read the kernel's log: %v", err)
	switch {
	case errors.Is(err, unix.EPERM):
		return text + "; it takes CAP_SYSLOG while kernel.dmesg_restrict is 1"
	case errors.Is(err, os.ErrPermission):
		return text + "; it takes root, or CAP_SYSLOG and a " + kernelLogPath + " that may be read"
	case errors.Is(err, os.ErrNotExist):
		return text + "; a container has it only where it is given to it"
	}
	return text
}
