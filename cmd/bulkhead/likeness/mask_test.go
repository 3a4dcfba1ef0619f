package likeness_test

import (
	"regexp"
	"strings"
	"testing"
)

// What may differ between two runs of the same thing.
var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\b[Pp]id \d+`), "pid N"},
	{regexp.MustCompile(`\bpid:[1-9]\d*`), "pid:N"},
	{regexp.MustCompile(`uptime (\d+ days?, )?\d+:\d\d:\d\d`), "uptime T"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M\b`), "DATE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}`), "TIME"},
	{regexp.MustCompile(`(killing '[^']*' \()\d+\)`), "${1}N)"},
	{regexp.MustCompile(`(---[a-z]+-)[A-Za-z0-9_]+\.log`), "${1}R.log"},
	{regexp.MustCompile(`\bwhen:\d+`), "when:N"},
	{regexp.MustCompile(`(, |\b)mem [\d.]+[KMG](/[\d.]+[KMG])?`), ""},
	{regexp.MustCompile(`(?m)^bulkhead: memory limits cannot be held: .*\n`), ""}, // of one machine
}

// mask takes the daemon's folder and the program's place out of a text, and
// all that is of one moment.
func (d *daemon) mask(s string) string {
	s = strings.NewReplacer(d.dir, "DIR", d.side.folder+"/", "BIN/").Replace(s)
	for _, m := range masks {
		s = m.find.ReplaceAllString(s, m.put)
	}
	return s
}

func TestMask(t *testing.T) {
	d := &daemon{dir: "/tmp/x/theirs", side: side{folder: "/usr/bin"}}
	for text, want := range map[string]string{
		"cat   RUNNING   pid 17, uptime 1 day, 0:00:09":      "cat   RUNNING   pid N, uptime T",
		"cat   STOPPED   Nov 21 12:08 AM":                    "cat   STOPPED   DATE",
		"cat   STOPPED   Not started":                        "cat   STOPPED   Not started",
		"spawned: 'cat' with pid 4711":                       "spawned: 'cat' with pid N",
		"killing 'cat' (4711) with SIGKILL":                  "killing 'cat' (N) with SIGKILL",
		"unix:///tmp/x/theirs/sock no such file":             "unix://DIR/sock no such file",
		"For help, use /usr/bin/supervisorctl -h":            "For help, use BIN/supervisorctl -h",
		"/tmp/x/theirs/a-stdout---supervisor-x_1p.log":       "DIR/a-stdout---supervisor-R.log",
		"from_state:RUNNING expected:1 pid:33":               "from_state:RUNNING expected:1 pid:N",
		"from_state:BACKOFF pid:0":                           "from_state:BACKOFF pid:0",
		"cat  RUNNING   pid 9, uptime 0:00:09, mem 12M/256M": "cat  RUNNING   pid N, uptime T",
		"cat  STARTING  mem 1.5M":                            "cat  STARTING  ",
		"exit status 3":                                      "exit status 3",
	} {
		if got := d.mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
