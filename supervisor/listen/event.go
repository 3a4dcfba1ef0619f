package listen

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is something that happened, as listeners are told it.
type Event struct {
	Type    Type   `json:"type"`
	Payload string `json:"payload"` // valid UTF-8
}

// Process names the process that an event is about.
type Process struct {
	Name  string
	Group string
	PID   int // 0: it has none
}

func (p Process) head() string { return "processname:" + p.Name + " groupname:" + p.Group }

func (p Process) headPID() string { return p.head() + " pid:" + strconv.Itoa(p.PID) }

// Change is a change of state, in supervisord's names of states.
type Change struct {
	Process
	From, To string
	Tries    int  // to STARTING or BACKOFF: the failed starts so far
	Expected bool // to EXITED: the exit code is one of exitcodes
}

// Event returns the PROCESS_STATE event of the change. Its payload has no line feed at its end.
func (c Change) Event() Event {
	t := ProcessState + Type("_"+c.To)
	text := c.head() + " from_state:" + c.From
	switch t {
	case ProcessStarting, ProcessBackoff:
		text += " tries:" + strconv.Itoa(c.Tries)
	case ProcessExited:
		expected := 0
		if c.Expected {
			expected = 1
		}
		text += fmt.Sprintf(" expected:%d pid:%d", expected, c.PID)
	case ProcessRunning, ProcessStopping, ProcessStopped:
		text += " pid:" + strconv.Itoa(c.PID)
	}
	return Event{t, text}
}

// Log is the PROCESS_LOG event of output, of the channel stdout or stderr.
func Log(p Process, channel string, data []byte) Event {
	return Event{ofChannel(LogStdout, LogStderr, channel), p.headPID() + " channel:" + channel + "\n" + text(data)}
}

// Communication is the PROCESS_COMMUNICATION event of what was captured.
func Communication(p Process, channel string, data []byte) Event {
	return Event{ofChannel(CommunicationStdout, CommunicationStderr, channel), p.headPID() + "\n" + text(data)}
}

func ofChannel(stdout, stderr Type, channel string) Type {
	if channel == "stderr" {
		return stderr
	}
	return stdout
}

// Remote is the REMOTE_COMMUNICATION event that a client sends.
func Remote(kind, data string) Event {
	return Event{RemoteCommunication, "type:" + text([]byte(kind)) + "\n" + text([]byte(data))}
}

// Supervisor is SUPERVISOR_STATE_CHANGE_RUNNING or _STOPPING: it says nothing more.
func Supervisor(t Type) Event { return Event{Type: t} }

// Group is PROCESS_GROUP_ADDED or _REMOVED.
func Group(t Type, name string) Event { return Event{t, "groupname:" + name + "\n"} }

// Own is an event of bulkhead's own about a process (the zero Process: about the
// host), with further keys and values in turn. Words that would break the line, or the
// listeners that split it at blanks and colons, have them replaced by underscores.
func Own(t Type, p Process, pairs ...string) Event {
	var words []string
	if p != (Process{}) {
		words = append(words, p.headPID())
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		words = append(words, word(pairs[i])+":"+word(pairs[i+1]))
	}
	return Event{t, strings.Join(words, " ")}
}

func word(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == ':' || r == 0x7f {
			return '_'
		}
		return r
	}, text([]byte(s)))
}

// ticks are the periods that are told.
var ticks = []struct {
	t      Type
	period int64
}{{Tick5, 5}, {Tick60, 60}, {Tick3600, 3600}}

// Ticks returns the TICK events that are due at now, when they were computed last at
// last: one for each period whose slice of time is another one. The clock may be set back.
func Ticks(last, now time.Time) []Event {
	var due []Event
	for _, k := range ticks {
		slice := floor(now.Unix(), k.period)
		if slice != floor(last.Unix(), k.period) {
			due = append(due, Event{k.t, "when:" + strconv.FormatInt(slice, 10)})
		}
	}
	return due
}

// NextTick is the moment after now at which Ticks has something to say.
func NextTick(now time.Time) time.Time {
	return time.Unix(floor(now.Unix(), ticks[0].period)+ticks[0].period, 0)
}

func floor(n, period int64) int64 {
	rest := n % period
	if rest < 0 {
		rest += period
	}
	return n - rest
}

// text is data as a listener can read it: what is not UTF-8 is shown as Python
// shows bytes.
func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return "Undecodable: " + repr(data)
}

// repr is Python's repr of bytes.
func repr(data []byte) string {
	quote := byte('\'')
	if s := string(data); strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte('b')
	b.WriteByte(quote)
	for _, c := range data {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
