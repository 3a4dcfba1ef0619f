package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/listen"
)

// The loop looks at the host's memory when some of its tasks waited for it for this
// share of a window. That is early: where little is in the page cache nobody waits
// before it is nearly all gone.
const (
	hostStall  = 40 * time.Millisecond
	hostWindow = 2 * time.Second
)

// Pressure is told from so many percent of 10 s on in which some waited, and at most
// this often: it lasts.
const (
	pressureTold  = 10
	pressureAgain = 10 * time.Second
)

// hostPressure is the news that the host is short of memory, as read at that moment.
type hostPressure hostReading

// watchHost has the kernel tell of the host's pressure. A kernel without PSI is no
// trouble: nothing is decided by it.
func (h *host) watchHost() (end func()) {
	fd, err := cgroup.HostPressureTrigger("/proc", hostStall, hostWindow)
	if err == nil {
		err = h.poll.add(fd, unix.EPOLLPRI, func() {
			h.post(hostPressure(h.hostReading()))
		})
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return func() {}
	}
	if err != nil {
		h.post(trouble{what: "the host's memory pressure cannot be watched", err: err})
		return func() {}
	}
	return func() {
		h.poll.remove(fd)
		unix.Close(fd)
	}
}

var pressureFile = cgroup.KeptFile{Name: "/proc/pressure/memory"}

// hostReading is 0 in what cannot be read, but for memory: who cannot read that
// has all of it.
func (h *host) hostReading() hostReading {
	r := hostReading{memory: readMeminfo()}
	r.available = r.memory.available
	if r.available == 0 {
		r.available = math.MaxInt64
	}
	if text, err := pressureFile.Read(); err == nil {
		r.some, r.full = averageOf(text, "some"), averageOf(text, "full")
		r.waited = time.Duration(fieldOf(text, "full", "total=")) * time.Microsecond
		r.someWaited = time.Duration(fieldOf(text, "some", "total=")) * time.Microsecond
	}
	return r
}

// averageOf reads avg10 of a line of a pressure file (Documentation/accounting/psi.rst).
func averageOf(text []byte, kind string) float64 { return fieldOf(text, kind, "avg10=") }

// fieldOf reads one number of a line of a pressure file; 0 for nonsense.
func fieldOf(text []byte, kind, name string) float64 {
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) == 0 || string(f[0]) != kind {
			continue
		}
		for _, word := range f[1:] {
			if v, ok := bytes.CutPrefix(word, []byte(name)); ok {
				n, _ := strconv.ParseFloat(string(v), 64)
				return n
			}
		}
	}
	return 0
}

func (l *loop) onHostPressure(e hostPressure) {
	l.ease(hostReading(e))
	if e.some < pressureTold {
		return
	}
	now := l.now()
	if l.pressed != 0 && now < l.pressed+pressureAgain {
		return
	}
	l.pressed = now
	l.event(nil, 0, control.Event{Kind: "pressure", Message: fmt.Sprintf(
		"the host is short of memory: some of its tasks waited for it %.0f%% of the last 10 s, all of them %.0f%%; %s are available",
		e.some, e.full, control.Size(e.available))})
	l.notify(listen.Event{Type: listen.HostPressure,
		Payload: fmt.Sprintf("some:%.2f full:%.2f available:%d", e.some, e.full, e.available)})
}
