package listen

import (
	"bytes"
	"strconv"
)

// Phase is where a listener is in the protocol.
type Phase uint8

const (
	Acknowledged Phase = iota // it has answered, or has just been started: READY is awaited
	Ready                     // it waits for an event
	Busy                      // it has one
	Unknown                   // it has said what nobody understands: it gets nothing any more
)

func (p Phase) String() string {
	return [...]string{"ACKNOWLEDGED", "READY", "BUSY", "UNKNOWN"}[p]
}

// resultMost is the longest result that is read: the only ones that mean something are
// "OK" and anything else.
const resultMost = 1 << 20

// lineMost is the longest line that may announce one.
const lineMost = 256

// voice is one listener's side of the protocol, as far as it has spoken.
type voice struct {
	Phase Phase
	Heard []byte // not understood yet
	Want  int    // bytes of the result that is being read, -1: its line is not complete
}

// said is what a listener's words mean.
type said uint8

const (
	nothing said = iota
	ready
	accepted
	rejected
	nonsense
)

var (
	readyToken  = []byte("READY\n")
	resultToken = []byte("RESULT ")
)

// next takes one message off what was heard. It is called until it is nothing.
func (v *voice) next() said {
	switch v.Phase {
	case Acknowledged:
		switch {
		case bytes.HasPrefix(v.Heard, readyToken):
			v.Heard = v.Heard[len(readyToken):]
			v.Phase = Ready
			return ready
		case len(v.Heard) >= len(readyToken) || !bytes.HasPrefix(readyToken, v.Heard):
			return v.broken()
		}
	case Ready:
		if len(v.Heard) > 0 {
			return v.broken()
		}
	case Busy:
		return v.result()
	}
	return nothing
}

// result reads "RESULT 2\nOK". supervisord skips the first seven bytes of the line
// unread, and so is anything of that length a RESULT here.
func (v *voice) result() said {
	if v.Want < 0 {
		line, rest, whole := bytes.Cut(v.Heard, []byte("\n"))
		switch {
		case !whole && len(v.Heard) > lineMost:
			return v.broken()
		case !whole:
			return nothing
		case len(line) < len(resultToken):
			return v.broken()
		}
		n, err := strconv.Atoi(string(bytes.TrimSpace(line[len(resultToken):])))
		if err != nil || n < 0 || n > resultMost {
			return v.broken()
		}
		v.Want, v.Heard = n, rest
	}
	if len(v.Heard) < v.Want {
		return nothing
	}
	ok := string(v.Heard[:v.Want]) == "OK"
	v.Heard, v.Want, v.Phase = v.Heard[v.Want:], -1, Acknowledged
	if ok {
		return accepted
	}
	return rejected
}

func (v *voice) broken() said {
	v.Phase, v.Heard, v.Want = Unknown, nil, -1
	return nonsense
}
