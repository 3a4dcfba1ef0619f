package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/kmsg"
)

// fakeLog is a kernel log whose records come at their moments. A record that is "" was
// overwritten.
type fakeLog struct {
	records  []fakeRecord
	end      error // behind the last
	seq      int
	deadline time.Time
}

type fakeRecord struct {
	at   time.Duration // since the start of the test
	text string
}

func (f *fakeLog) SetReadDeadline(at time.Time) error {
	f.deadline = at
	return nil
}

// next gives the next record, if it is due.
func (f *fakeLog) next(p []byte, now time.Duration) (n int, err error, ok bool) {
	if len(f.records) == 0 || f.records[0].at > now {
		return 0, nil, false
	}
	r := f.records[0]
	f.records = f.records[1:]
	f.seq++
	if r.text == "" {
		return 0, &os.PathError{Op: "read", Path: "/dev/kmsg", Err: unix.EPIPE}, true
	}
	return copy(p, fmt.Sprintf("3,%d,%d,-;%s\n", f.seq, r.at/time.Microsecond, r.text)), nil, true
}

func (f *fakeLog) ReadNow(p []byte) (int, error) {
	if n, err, ok := f.next(p, bubbleTime()); ok {
		return n, err
	}
	return 0, unix.EAGAIN
}

func (f *fakeLog) Read(p []byte) (int, error) {
	for {
		if n, err, ok := f.next(p, bubbleTime()); ok {
			return n, err
		}
		if !f.deadline.IsZero() && !time.Now().Before(f.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		if len(f.records) == 0 && f.deadline.IsZero() {
			return 0, f.end
		}
		time.Sleep(time.Millisecond) // fake time
	}
}

// bubbleTime is how long a synctest bubble has lived: it begins at midnight UTC 2000-01-01.
func bubbleTime() time.Duration {
	return time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
}

const killLine = "Memory cgroup out of memory: Killed process %d (php) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0"

// TestKernelLog: what was there is told in one piece, what follows when the log falls
// silent, with the pressure of when it began; losses are counted, and told now and then.
func TestKernelLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kill := func(pid int) string { return fmt.Sprintf(killLine, pid) }
		whole := "Tasks in /x are going to be killed due to memory.oom.group set"
		log := &fakeLog{end: errors.New("no more"), records: []fakeRecord{
			{0, "Linux version"}, {0, kill(1)}, {0, kill(2)}, {0, whole},
			{50 * time.Millisecond, kill(3)}, // in the middle of it
			{time.Hour, kill(4)}, {time.Hour, "eth0: up"}, {time.Hour + 20*time.Millisecond, kill(5)}, {time.Hour + 30*time.Millisecond, whole},
			{2 * time.Hour, ""}, {2 * time.Hour, ""}, {2 * time.Hour, "eth0: down"},
			{2*time.Hour + time.Second, ""}, {2*time.Hour + time.Second, "eth0: up"},
			{3 * time.Hour, "eth0: down"},
		}}
		var told []string
		n := 0
		r := logReader{log: log, boot: bubbleTime, decoder: kmsg.Decoder{PageSize: 4096},
			owner: func(path string) (runName, bool) { return runName{program: strings.Trim(path, "/")}, path != "" },
			pressure: func() *control.Pressure {
				n++
				return &control.Pressure{Some: float64(n)}
			},
			post: func(e any) {
				k := e.(killsSeen)
				text := fmt.Sprintf("%v past=%v lost=%d", bubbleTime().Round(time.Millisecond), k.past, k.lost)
				for _, s := range k.kills {
					text += fmt.Sprintf(" %d+%d(%s,%v,%v)", s.Victim.PID, len(s.Others), s.owner.program, s.unknown, s.at.Sub(time.Now().Add(-bubbleTime())).Round(time.Millisecond))
					if s.pressure != nil {
						text += fmt.Sprintf("at %v%%", s.pressure.Some)
					}
				}
				told = append(told, text)
			}}
		if err := r.follow(); err == nil || err.Error() != "no more" {
			t.Errorf("ended with %v", err)
		}
		want := []string{
			"150ms past=true lost=0 1+0(,true,0s) 2+1(x,false,0s)",
			"1h0m0.02s past=false lost=0 4+0(,true,1h0m0.02s)at 1%",
			"1h0m0.13s past=false lost=0 5+0(x,false,1h0m0.13s)at 2%",
			"2h0m0s past=false lost=2",
			"3h0m0s past=false lost=3",
		}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

// TestKernelLogFile reads a file as if it were the kernel's log; the real one is for
// kernel tests.
func TestKernelLogFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := kmsgFile{r}
	if _, err := f.ReadNow(make([]byte, 9)); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("nothing there: %v", err)
	}
	fmt.Fprint(w, "abc")
	w.Close()
	p := make([]byte, 9)
	if n, err := f.ReadNow(p); n != 3 || err != nil || string(p[:3]) != "abc" {
		t.Errorf("%d, %v, %q", n, err, p)
	}
	r.Close()
	if _, err := f.ReadNow(p); err == nil || errors.Is(err, unix.EAGAIN) {
		t.Errorf("closed: %v", err)
	}
}

func TestWhyUnread(t *testing.T) {
	for err, want := range map[error]string{
		unix.EPERM:        "dmesg_restrict",
		unix.EACCES:       "it takes root",
		unix.ENOENT:       "a container has it only",
		errors.New("odd"): "kernel's log: open /dev/kmsg: odd",
	} {
		if got := whyUnread(&os.PathError{Op: "open", Path: kernelLogPath, Err: err}); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
}
