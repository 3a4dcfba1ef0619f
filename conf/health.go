package conf

import (
	"net"
	"net/url"
	"strconv"
	"time"
)

// Health is the [programs.NAME.health] table but for the checks themselves, which
// are each instance's: when a program that has not ended is well.
type Health struct {
	Interval time.Duration // from the end of one check to the next
	Timeout  time.Duration // of one check
	Retries  int           // failures in a row until it is unhealthy, at least 1
	Start    time.Duration // since it was up; until then nothing counts against it
	Watchdog time.Duration // most time between two WATCHDOG=1, 0 none is wanted
	Silent   time.Duration // most time without output, 0 any
	Idle     time.Duration // most time without a finished job, 0 any
}

// Checks are what an instance is asked, in this order; all of them zero: nothing.
type Checks struct {
	HTTP    string   // a URL that must be answered with a status of 200 to 399
	TCP     string   // host:port that must take a connection
	Command []string // that must end with exit code 0
}

// None says that nothing is asked.
func (c Checks) None() bool { return c.HTTP == "" && c.TCP == "" && len(c.Command) == 0 }

func (src *source) health() Health {
	raw := &src.raw.Health
	return Health{
		Interval: time.Duration(*raw.Interval),
		Timeout:  time.Duration(*raw.Timeout),
		Retries:  int(*raw.Retries),
		Start:    time.Duration(*raw.Start),
		Watchdog: time.Duration(*raw.Watchdog),
		Silent:   time.Duration(*raw.Silent),
		Idle:     time.Duration(*raw.Idle),
	}
}

// checks expands what one instance is asked.
func (src *source) checks(n names) Checks {
	raw, at := &src.raw.Health, src.at.at("health")
	c := Checks{Command: src.words(at.at("command"), raw.Command, n)}
	if raw.HTTP != nil {
		c.HTTP = src.res.expand(at.at("http"), *raw.HTTP, n)
	}
	if raw.TCP != nil {
		c.TCP = src.res.expand(at.at("tcp"), *raw.TCP, n)
	}
	return c
}

// healthFloor is the shortest time of this table: what is asked more often is kept
// busy by being asked.
const healthFloor = time.Second

// health checks the [health] table.
func (v *checker) health() {
	h, given := v.p.Health, v.src.given.Health
	for _, d := range []struct {
		key   string
		value time.Duration
		none  bool // 0 is allowed
	}{
		{"interval", h.Interval, false}, {"watchdog", h.Watchdog, true}, {"silent", h.Silent, true}, {"idle", h.Idle, true},
	} {
		if d.value < healthFloor && !(d.none && d.value == 0) {
			v.problem(faultf(`write "1s" or more`, "cannot use %v: too short", short(d.value)), "health", d.key)
		}
	}
	if h.Timeout <= 0 {
		v.problem(faultf(`write "5s"`, "cannot wait 0s for an answer"), "health", "timeout")
	}
	if h.Retries < 1 {
		v.problem(faultf("write 1 or more", "cannot use %d: the first failure is one", h.Retries), "health", "retries")
	}
	if h.Watchdog > 0 && !v.p.Notify {
		v.problem(faultf("write notify = true", "cannot hear WATCHDOG=1: the program gets no notify socket"), "health", "watchdog")
	}
	if h.Idle > 0 && v.p.JobPattern == "" && v.p.JobFormat == "none" && !v.p.Notify {
		v.problem(faultf("set job_format, job_pattern or notify = true", "nothing counts the jobs of this program, so it would always be idle"), "health", "idle")
	}
	if given != (rawHealth{}) && given.HTTP == nil && given.TCP == nil && given.Command == nil && h.Watchdog+h.Silent+h.Idle == 0 {
		v.warn(faultf("write http, tcp, command, watchdog, silent or idle", "nothing is looked at"), "health")
	}
	v.checks(given)
}

// checks looks at what is asked, until the first instance that has a problem: the
// others have the same.
func (v *checker) checks(given rawHealth) {
	for _, in := range v.p.Instances {
		found := false
		fault := func(key string, f *fault) {
			if f != nil && !v.bad("health", key) {
				v.problem(f, "health", key)
				found = true
			}
		}
		if given.HTTP != nil {
			fault("http", checkURL(in.Checks.HTTP))
		}
		if given.TCP != nil {
			fault("tcp", checkAddress(in.Checks.TCP))
		}
		if given.Command != nil && (len(in.Checks.Command) == 0 || in.Checks.Command[0] == "") {
			fault("command", faultf(`write "curl -fsS http://127.0.0.1:8080/"`, "cannot run an empty command"))
		}
		if found {
			return
		}
	}
}

func checkURL(s string) *fault {
	const hint = `write "http://127.0.0.1:8080/ping"`
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return faultf(hint, "cannot use %q as a URL", s)
	case u.Scheme != "http" && u.Scheme != "https":
		return faultf(hint, "cannot ask %q: only http and https are spoken", s)
	case u.Hostname() == "":
		return faultf(hint, "cannot ask %q: it names no host", s)
	case u.Port() != "" && !isPort(u.Port()):
		return faultf(hint, "cannot ask %q: %q is no port", s, u.Port())
	}
	return nil
}

func checkAddress(s string) *fault {
	const hint = `write "127.0.0.1:8080"`
	host, port, err := net.SplitHostPort(s)
	switch {
	case err != nil || host == "":
		return faultf(hint, "cannot connect to %q: it is not host:port", s)
	case !isPort(port):
		return faultf(hint, "cannot connect to %q: %q is no port", s, port)
	}
	return nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
