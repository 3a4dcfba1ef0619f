package conf

import (
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Notify is one [[notify]]: who is told of what, and how. Exactly one of Command,
// Webhook and Sendmail is set.
type Notify struct {
	Events   []string // kinds of events, reasons of an end, and states in lower case
	Programs []string // whose; nil: all, and what concerns no program
	Command  []string
	Webhook  string // an http or https URL
	Sendmail string // addresses, as a To: field has them
	Interval time.Duration
	Limit    int // messages in an hour; 0: any number
	Timeout  time.Duration
	Retries  int
}

// NotifyEvents are the words that Notify.Events may have.
var NotifyEvents = []string{
	// events
	"adopted", "config", "ended", "failing", "healthy", "leftovers", "oom_kill", "oom_score", "orphan", "outgrown", "over_limit", "pressure", "ready", "recycle_due", "state",
	"shortage", "stopping", "supervisor", "tripwire", "tripwire_moved", "trouble", "unkillable",
	// reasons of an end
	"exited", "crashed", "recycled", "oom_killed", "host_oom_killed", "killed", "stopped", "stop_timeout", "unhealthy", "spawn_failed", "gave_way", "unknown",
	// states
	"starting", "running", "backoff", "fatal",
}

// notify resolves the [[notify]] tables.
func (res *resolver) notify(c *Config, tables []rawNotify) {
	for i := range tables {
		raw := &tables[i]
		at := place{res.main, []string{notifyTable, strconv.Itoa(i)}}
		fill(raw, ptr(notifyDefaults()))
		n := Notify{Events: slices.Clone(*raw.Events), Programs: slices.Clone(*raw.Programs), Interval: time.Duration(*raw.Interval),
			Limit: int(*raw.Limit), Timeout: time.Duration(*raw.Timeout), Retries: int(*raw.Retries)}
		if raw.Command != nil {
			n.Command = res.words(at.at("command"), raw.Command)
		}
		if raw.Webhook != nil {
			n.Webhook = res.expand(at.at("webhook"), *raw.Webhook, res.names)
		}
		if raw.Sendmail != nil {
			n.Sendmail = res.expand(at.at("sendmail"), *raw.Sendmail, res.names)
		}
		res.checkWay(at, raw, n)
		c.Notify = append(c.Notify, n)
	}
}

// words expands a command and splits it.
func (res *resolver) words(at place, c *command) []string {
	if c.argv != nil {
		all := make([]string, len(c.argv))
		for i, word := range c.argv {
			all[i] = res.expand(at, text(word), res.names)
		}
		return all
	}
	all, f := splitWords(res.expand(at, text(c.line), res.names))
	if f != nil {
		res.problem(at, f)
	}
	return all
}

// checkNotify validates the rest of the [[notify]] tables, once the programs are known.
func (res *resolver) checkNotify(c *Config) {
	for i, n := range c.Notify {
		at := place{res.main, []string{notifyTable, strconv.Itoa(i)}}
		if len(n.Events) == 0 {
			res.problem(at.at("events"), faultf("leave it out for the usual ones", "cannot tell of no events"))
		}
		for _, word := range n.Events {
			res.oneOf(at.at("events"), word, NotifyEvents)
		}
		for _, name := range n.Programs {
			if !slices.ContainsFunc(c.Programs, func(p Program) bool { return p.Name == name }) {
				res.warn(at.at("programs"), faultf("write the name of a [programs.NAME]", "there is no program %q", name))
			}
		}
		if n.Timeout <= 0 {
			res.problem(at.at("timeout"), faultf("write 30s", "cannot use %v: no message goes out in no time", n.Timeout))
		}
		for key, number := range map[string]int{"limit": n.Limit, "retries": n.Retries} {
			if number < 0 {
				res.problem(at.at(key), negative(number))
			}
		}
	}
}

// checkWay checks where the messages go.
func (res *resolver) checkWay(at place, raw *rawNotify, n Notify) {
	ways := 0
	for _, set := range []bool{raw.Command != nil, raw.Webhook != nil, raw.Sendmail != nil} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		res.problem(at, faultf("write command, webhook or sendmail; for several ways, several [[notify]]", "cannot tell in %d ways: it takes exactly one", ways))
		return
	}
	switch {
	case raw.Command != nil && !res.bad[at.at("command").key()] && (len(n.Command) == 0 || n.Command[0] == ""):
		res.problem(at.at("command"), faultf(`write "/usr/local/bin/page", or a list of strings`, "the command is empty"))
	case raw.Webhook != nil && !res.bad[at.at("webhook").key()]:
		u, err := url.Parse(n.Webhook)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			res.problem(at.at("webhook"), faultf("write https://host/path", "cannot use it as a URL")) // which may hold a secret
		}
	case raw.Sendmail != nil && !res.bad[at.at("sendmail").key()]:
		if _, err := mail.ParseAddressList(n.Sendmail); err != nil {
			res.problem(at.at("sendmail"), faultf("write ops@example.org", "cannot use %q as mail addresses", n.Sendmail))
		}
	}
}
