package jobs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Notify is one datagram of the notify socket: the assignments of sd_notify(3)
// that mean something here, and JOBS_DONE, which is our own.
type Notify struct {
	Ready    bool
	Stopping bool
	Watchdog bool
	Trigger  bool   // WATCHDOG=trigger: it says itself that it is unhealthy
	Status   string // one printable line, at most maxStatus bytes; "" when not sent
	JobsDone int64  // jobs finished since the previous datagram: added to the run's count
}

const (
	maxStatus = 256
	// maxJobsDone bounds one datagram's claim; more is a bug of the sender.
	maxJobsDone = math.MaxInt32
)

// ParseNotify reads a datagram of newline-separated KEY=value assignments.
// Keys it does not know are ignored, as systemd does. A JOBS_DONE that is no
// number from 0 to maxJobsDone is an error; the rest of the datagram is returned with it.
func ParseNotify(datagram []byte) (Notify, error) {
	var n Notify
	var bad error
	for line := range strings.SplitSeq(string(datagram), "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "READY":
			n.Ready = n.Ready || value == "1"
		case "STOPPING":
			n.Stopping = n.Stopping || value == "1"
		case "WATCHDOG":
			n.Watchdog = n.Watchdog || value == "1"
			n.Trigger = n.Trigger || value == "trigger"
		case "STATUS":
			n.Status = printable(value)
		case "JOBS_DONE":
			done, err := strconv.ParseUint(value, 10, 31)
			if err != nil || n.JobsDone+int64(done) > maxJobsDone {
				if bad == nil {
					bad = fmt.Errorf("cannot read notify line %q: want a number of jobs from 0 to %d", printable(line), maxJobsDone)
				}
				continue
			}
			n.JobsDone += int64(done)
		}
	}
	return n, bad
}

// printable makes text from outside fit for a status line and a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxStatus {
		s = strings.ToValidUTF8(s[:maxStatus], "")
	}
	return strings.TrimSpace(s)
}
