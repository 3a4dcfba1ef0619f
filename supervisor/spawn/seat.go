package spawn

import (
	"sync"

	"golang.org/x/sys/unix"
)

// seat is three descriptors, among the lowest of ours, through which one child gets its
// standard ones: it shares our table until it takes a copy of those below the last seat,
// however many others we have. An empty seat is /dev/null three times.
type seat [3]int

// seatsMost is how many children may be on their way to their exec at once without being
// forked: those that hang there keep their seat.
const seatsMost = 16

var seats struct {
	sync.Mutex
	free []seat
	last int // the highest descriptor of any
}

// makeSeats is called once, as early as possible, for low numbers.
func makeSeats() {
	for range seatsMost {
		var s seat
		for i := range s {
			fd, err := unix.FcntlInt(uintptr(machine.null), unix.F_DUPFD_CLOEXEC, 3)
			if err != nil {
				for _, fd := range s[:i] {
					unix.Close(fd)
				}
				return // children are forked
			}
			s[i] = fd
			seats.last = max(seats.last, fd)
		}
		seats.free = append(seats.free, s)
	}
}

// takeSeat returns nil when the child is to be forked: nothing else is to be had for it.
func takeSeat(s *Spec) *seat {
	if !machine.share || s.Foreground != nil || machine.noClone3.Load() {
		return nil
	}
	seats.Lock()
	defer seats.Unlock()
	if len(seats.free) == 0 {
		return nil
	}
	got := seats.free[len(seats.free)-1]
	seats.free = seats.free[:len(seats.free)-1]
	return &got
}

// fill seats what the child is given.
func (t *seat) fill(s *Spec) error {
	for i, fd := range s.stdio() {
		if fd == machine.null {
			continue
		}
		if err := unix.Dup3(fd, t[i], unix.O_CLOEXEC); err != nil {
			return &Error{Command: s.Argv[0], Step: StepStdio, Object: stdioNames[i], Err: err}
		}
	}
	return nil
}

// give empties the seat for the next child. One that cannot be emptied is no seat any more:
// what is left open in it would keep a log from ever ending.
func (t *seat) give() {
	empty := true
	for _, fd := range t {
		if unix.Dup3(machine.null, fd, unix.O_CLOEXEC) != nil {
			empty = false
		}
	}
	if !empty {
		for _, fd := range t {
			unix.Close(fd)
		}
		return
	}
	seats.Lock()
	defer seats.Unlock()
	seats.free = append(seats.free, *t)
}
