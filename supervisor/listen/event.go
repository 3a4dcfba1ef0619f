package listen

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Event is one event, as all pools get it.
type Event struct {
	Type    Type
	Payload string
}

// Process is what an event says of an instance.
type Process struct {
	Name, Group string
	PID         int
}

func (p Process) who() string { return "processname:" + p.Name + " groupname:" + p.Group }

// State tells a change of state. states are supervisord's names; tries is how many starts have
// failed in a row, expected whether an exit was.
func State(p Process, from, to string, tries int, expected bool) Event {
	e := Event{Type: Type("PROCESS_STATE_" + to), Payload: p.who() + " from_state:" + from}
	switch to {
	case "STARTING", "BACKOFF":
		e.Payload += fmt.Sprintf(" tries:%d", tries)
	case "RUNNING", "STOPPING", "STOPPED":
		e.Payload += fmt.Sprintf(" pid:%d", p.PID)
	case "EXITED":
		e.Payload += fmt.Sprintf(" expected:%d pid:%d", number(expected), p.PID)
	}
	return e
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Log tells what a process printed; channel is stdout or stderr.
func Log(p Process, channel string, data []byte) Event {
	return Event{Type("PROCESS_LOG_" + strings.ToUpper(channel)),
		fmt.Sprintf("%s pid:%d channel:%s\n%s", p.who(), p.PID, channel, readable(data))}
}

// Communication tells what a process printed between the tokens of capture mode.
func Communication(p Process, channel string, data []byte) Event {
	return Event{Type("PROCESS_COMMUNICATION_" + strings.ToUpper(channel)),
		fmt.Sprintf("%s pid:%d\n%s", p.who(), p.PID, readable(data))}
}

// Remote tells what a client sent by sendRemoteCommEvent.
func Remote(kind, data string) Event {
	return Event{RemoteCommunication, "type:" + kind + "\n" + data}
}

// Group tells that a group has come or gone.
func Group(name string, added bool) Event {
	if added {
		return Event{ProcessGroupAdded, "groupname:" + name + "\n"}
	}
	return Event{ProcessGroupRemoved, "groupname:" + name + "\n"}
}

// End tells the end of a run in bulkhead's words. The first line has supervisord's form,
// the second is a sentence.
func End(t Type, p Process, kind, detail string) Event {
	return Event{t, fmt.Sprintf("%s pid:%d kind:%s\n%s", p.who(), p.PID, kind, detail)}
}

// ForeignKill tells that the kernel has killed a process that is none of ours. What may
// have blanks in it stands on lines of its own.
func ForeignKill(pid int, command string, rss int64, constraint, cgroup string) Event {
	return Event{HostOOMKill, fmt.Sprintf("pid:%d rss:%d constraint:%s\ncommand:%s\ncgroup:%s", pid, rss, constraint, command, cgroup)}
}

// readable is what supervisord makes of output that is no UTF-8.
func readable(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var b strings.Builder
	b.WriteString("Undecodable: b'")
	for _, c := range data {
		switch {
		case c == '\\' || c == '\'':
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
	b.WriteString("'")
	return b.String()
}

// envelope is an event as it is written to a listener: a header line and the payload. len
// counts characters, as supervisord's does: listeners read it as text.
func envelope(server string, serial uint64, pool string, poolSerial uint64, e Event) []byte {
	return fmt.Appendf(nil, "ver:3.0 server:%s serial:%d pool:%s poolserial:%d eventname:%s len:%d\n%s",
		server, serial, pool, poolSerial, e.Type, utf8.RuneCountInString(e.Payload), e.Payload)
}

// Ticks are the events between two moments, in seconds since 1970: one for each period
// that has begun since. before 0 is a supervisor that has just started: none.
func Ticks(before, now int64) (out []Event) {
	for _, t := range []struct {
		typ    Type
		period int64
	}{{Tick5, 5}, {Tick60, 60}, {Tick3600, 3600}} {
		if slice := now - now%t.period; before != 0 && slice != before-before%t.period {
			out = append(out, Event{t.typ, fmt.Sprintf("when:%d", slice)})
		}
	}
	return out
}

// NextTick is the moment at which Ticks has something again.
func NextTick(now int64) int64 { return now - now%5 + 5 }
