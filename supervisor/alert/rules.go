package alert

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

// Rules are one [[notify]] table.
type Rules struct {
	Events   []string // kinds of events, reasons of an end, states in lower case
	Programs []string // whose; none: all, and what concerns no program
	Way      Way
	Interval time.Duration // events are gathered for so long
	Limit    int           // messages in an hour, 0 any number
	Timeout  time.Duration // of one attempt
	Retries  int           // attempts after the first
}

// Way is where messages go: one of the fields is set.
type Way struct {
	Command  []string
	Webhook  string
	Sendmail string // the To: field
}

// String names a way for people. The path of a webhook is often a secret.
func (w Way) String() string {
	switch {
	case len(w.Command) > 0:
		return "the command " + w.Command[0]
	case w.Sendmail != "":
		return "mail to " + w.Sendmail
	}
	u, err := url.Parse(w.Webhook)
	if err != nil {
		return "the webhook"
	}
	return "the webhook at " + u.Host
}

// key identifies a way through a reload and an upgrade.
func (w Way) key() string {
	return strings.Join(append(slices.Clone(w.Command), w.Webhook, w.Sendmail), "\x00")
}

// Wants reports whether an event of a program ("" of none) is to be told.
func (r Rules) Wants(program string, e control.Event) bool {
	if len(r.Programs) > 0 && !slices.Contains(r.Programs, program) {
		return false
	}
	return slices.ContainsFunc(Words(e), func(w string) bool { return slices.Contains(r.Events, w) })
}

// Words are what an event can be asked for by.
func Words(e control.Event) []string {
	words := []string{e.Kind}
	if e.Reason != nil {
		words = append(words, e.Reason.Kind)
	}
	if e.Kind == "state" {
		words = append(words, strings.ToLower(e.To))
	}
	return words
}
