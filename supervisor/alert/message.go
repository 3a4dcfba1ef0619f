package alert

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

// Message is what goes out, as JSON.
type Message struct {
	Host       string          `json:"host"`
	Identifier string          `json:"identifier"`     // of the supervisor
	Text       string          `json:"text"`           // all of it for people, one line per event
	Events     []control.Event `json:"events"`         // oldest first
	Lost       int             `json:"lost,omitempty"` // events that could not be told since the last message
}

// Source says who tells.
type Source struct {
	Host       string
	Identifier string
}

func (s Source) message(events []control.Event, lost int) Message {
	m := Message{Host: s.Host, Identifier: s.Identifier, Events: events, Lost: lost}
	var b strings.Builder
	b.WriteString(m.subject())
	for _, e := range events {
		fmt.Fprintf(&b, "\n%s %s", e.At.Format("2006-01-02 15:04:05"), line(e))
	}
	if lost > 0 {
		fmt.Fprintf(&b, "\n%d more events could not be told", lost)
	}
	m.Text = b.String()
	return m
}

// subject is a message in a line.
func (m Message) subject() string {
	what := "events were lost"
	switch n := len(m.Events); {
	case n == 1:
		what = line(m.Events[0])
	case n > 1:
		what = fmt.Sprintf("%d events, the first: %s", n, line(m.Events[0]))
	}
	return fmt.Sprintf("bulkhead on %s: %s", m.Host, what)
}

func line(e control.Event) string {
	text := oneLine(e.Message)
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// oneLine keeps what a program may have had a part in from looking like more lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func (m Message) json() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the message: %v", err)
	}
	return append(text, '\n'), nil
}

// subjectMost keeps a subject from becoming the mail; RFC 2047 words fold it.
const subjectMost = 150

// mail is the message as sendmail -t takes it (RFC 5322).
func (m Message) mail(to string, now time.Time) []byte {
	subject := []rune(strings.ToValidUTF8(m.subject(), "?"))
	if len(subject) > subjectMost {
		subject = append(subject[:subjectMost], '…')
	}
	var b strings.Builder
	fmt.Fprintf(&b, "To: %s\nSubject: %s\nDate: %s\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"+
		"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s\n",
		oneLine(to), strings.ReplaceAll(mime.QEncoding.Encode("utf-8", string(subject)), "?= =?", "?=\n =?"), now.Format(time.RFC1123Z),
		strings.ToValidUTF8(m.Text, "?"))
	return []byte(b.String())
}
