package listen

import (
	"bytes"
	"strconv"
	"strings"
)

// What a listener may make us keep, in bytes.
const (
	LineMost   = 256      // of a line that should say RESULT
	ResultMost = 64 << 10 // of a result
)

// Phase is where a listener is in the protocol.
type Phase int

// supervisord's listener states; one that has just been started is Acknowledged.
const (
	Acknowledged Phase = iota // it is to say READY
	Ready                     // it waits for an event and may say nothing
	Busy                      // it has an event and is to say RESULT
	Unknown                   // it broke the protocol; only a new start helps
)

func (p Phase) String() string {
	return [...]string{"ACKNOWLEDGED", "READY", "BUSY", "UNKNOWN"}[p]
}

// Listener is the state of the protocol with one run of a listener. The zero
// Listener is one that has just been started.
type Listener struct {
	Phase  Phase  `json:"phase"`
	Rest   []byte `json:"rest,omitempty"`   // said, and not understood yet
	Result bool   `json:"result,omitempty"` // the RESULT line has been read
	Want   int    `json:"want,omitempty"`   // length of the result that follows it
}

// Outcome is what a listener came to by what it said.
type Outcome struct {
	Kind OutcomeKind
	Line string // for BadResult: the line, without its end
}

// OutcomeKind is the kind of an Outcome.
type OutcomeKind int

const (
	Readied   OutcomeKind = iota // it said READY
	Accepted                     // it said OK to its event
	Rejected                     // it said anything else, FAIL mostly
	BadResult                    // it broke the protocol where RESULT was due: Unknown, its event is rejected
	Broke                        // it broke the protocol: Unknown
)

// Step returns what a listener is after it has said data, and what that meant, in
// order. How data is cut into chunks does not matter.
func Step(l Listener, data []byte) (Listener, []Outcome) {
	var out []Outcome
	l.Rest = append(bytes.Clone(l.Rest), data...)
	for {
		outcome, more := l.next()
		if !more {
			break
		}
		out = append(out, outcome)
	}
	if len(l.Rest) == 0 {
		l.Rest = nil
	}
	return l, out
}

// Dispatch returns what a listener that is Ready is with an event in hand.
func (l Listener) Dispatch() Listener { return Listener{Phase: Busy} }

const readyLine = "READY\n"

// next understands the next whole thing that was said, if there is one.
func (l *Listener) next() (Outcome, bool) {
	switch l.Phase {
	case Acknowledged:
		switch {
		case len(l.Rest) < len(readyLine):
			return Outcome{}, false
		case !bytes.HasPrefix(l.Rest, []byte(readyLine)):
			return l.fail(Outcome{Kind: Broke}), true
		}
		*l = Listener{Phase: Ready, Rest: l.Rest[len(readyLine):]}
		return Outcome{Kind: Readied}, true
	case Ready:
		if len(l.Rest) > 0 {
			return l.fail(Outcome{Kind: Broke}), true
		}
	case Busy:
		return l.answer()
	case Unknown:
		l.Rest = nil
	}
	return Outcome{}, false
}

// answer understands a line that says how long the result is, and the result.
func (l *Listener) answer() (Outcome, bool) {
	if !l.Result {
		end := bytes.IndexByte(l.Rest, '\n')
		if end > LineMost || end < 0 && len(l.Rest) > LineMost {
			return l.fail(Outcome{BadResult, string(l.Rest[:LineMost])}), true
		}
		if end < 0 {
			return Outcome{}, false
		}
		line := string(l.Rest[:end])
		n, ok := resultLength(line)
		if !ok {
			return l.fail(Outcome{BadResult, line}), true
		}
		l.Rest, l.Result, l.Want = l.Rest[end+1:], true, n
	}
	if len(l.Rest) < l.Want {
		return Outcome{}, false
	}
	kind := Rejected
	if string(l.Rest[:l.Want]) == "OK" {
		kind = Accepted
	}
	*l = Listener{Phase: Acknowledged, Rest: l.Rest[l.Want:]}
	return Outcome{Kind: kind}, true
}

// resultLength reads a line that should be "RESULT n". The first seven
// characters may be anything, as they may in supervisord.
func resultLength(line string) (int, bool) {
	if len(line) < len("RESULT ") {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[len("RESULT "):]))
	return n, err == nil && n >= 0 && n <= ResultMost
}

func (l *Listener) fail(o Outcome) Outcome {
	*l = Listener{Phase: Unknown}
	return o
}
