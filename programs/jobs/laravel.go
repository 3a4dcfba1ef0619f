package jobs

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"time"
)

// The line formats of queue:work, as of laravel/framework
// src/Illuminate/Queue/Console/WorkCommand.php. None is anchored at the line's
// start: what a job echoes without a newline stands in front.
var (
	// 8.0 to 9.20: [2026-11-21 00:21:14][id] Processed:  App\Jobs\SendEmail
	oldLine = regexp.MustCompile(`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]\[[^\]]*\] (Processing|Processed|Failed):\s+(\S.*)$`)
	// 9.21 on: "  2026-11-21 00:35:24 App\Jobs\SendEmail .... 7.36ms DONE". The
	// duration after a second or more is in the application's language.
	newLine = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\S.*?) (?:\.+ )?(?:\S.* )?(RUNNING|DONE|FAIL)$`)
	// The same in English, which tells a name with spaces from a duration.
	strictLine = regexp.MustCompile(`(?:^|\D)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\S.*?) +(?:\.+ +)?(?:RUNNING|(?:\d[\d,.]*ms|(?:\d+(?:mo|yr|[ywdhms])(?: |$))*\d+(?:mo|yr|[ywdhms]))(?: [\d.]+MB)? (?:DONE|FAIL))$`)
	// 9.21 to 9.40, the rest of a line that a job's own newline has cut in two.
	restLine = regexp.MustCompile(` (?:\.+)? ?\d[\d,.]*ms (?:DONE|FAIL)$`)
)

func (c *Counter) laravelLine(line []byte, now time.Time) {
	if bytes.Contains(line, []byte("TimeoutExceededException")) {
		// Before the JSON end itself is read: an end leaves the mark, a start clears it.
		c.p.TimedOut = true
	}
	if word := lastWord(trimEnd(line)); word != "" {
		c.newLaravel(clean(line), word, now)
		return
	}
	if bytes.Contains(line, []byte(`"status":`)) && c.jsonLaravel(line, now) {
		return
	}
	if oldStatus(line) {
		c.oldLaravel(clean(line), now)
		return
	}
	if !c.started {
		if name, ok := halfStart(line); ok {
			c.hold(name, c.lineSince)
		}
	}
}

// lastWord returns the word that ends a job line since 9.21, or "". It is the
// check that lets ordinary output pass without a regular expression.
func lastWord(line []byte) string {
	for _, w := range [...]string{"DONE", "RUNNING", "FAIL"} {
		if len(line) > len(w) && string(line[len(line)-len(w):]) == w {
			return w
		}
	}
	return ""
}

// oldStatus says whether line has "] Processing:" and the like in it.
func oldStatus(line []byte) bool {
	for {
		i := bytes.Index(line, []byte("] "))
		if i < 0 {
			return false
		}
		line = line[i+2:]
		if bytes.HasPrefix(line, []byte("Process")) || bytes.HasPrefix(line, []byte("Failed:")) {
			return true
		}
	}
}

func (c *Counter) newLaravel(line []byte, word string, now time.Time) {
	m := strictLine.FindSubmatch(line)
	if m == nil {
		m = newLine.FindSubmatch(line)
	}
	switch {
	case m != nil && word == "RUNNING":
		c.start(string(m[1]), now)
	case m != nil:
		if !c.p.Busy && !c.started {
			// One line tells the whole job; its start was the line's first byte.
			c.hold(string(m[1]), c.lineSince)
		}
		c.end(string(m[1]), word == "FAIL", c.p.Busy, now)
	case !c.started && c.p.Busy && restLine.Match(line):
		c.end("", word == "FAIL", true, now)
	}
}

func (c *Counter) oldLaravel(line []byte, now time.Time) {
	m := oldLine.FindSubmatch(line)
	if m == nil {
		return
	}
	name := string(m[2])
	if string(m[1]) == "Processing" {
		c.start(name, now)
		return
	}
	c.end(name, string(m[1]) == "Failed", c.p.Busy || !c.started, now)
}

// jsonLaravel reads a line of --json (11.27 on) and says whether it was one.
func (c *Counter) jsonLaravel(line []byte, now time.Time) bool {
	at := 0
	if line[0] != '{' {
		if at = bytes.Index(line, []byte(`{"level":`)); at < 0 {
			return false
		}
	}
	job, status := jsonKeys(line[at:])
	if job == "" {
		return false
	}
	switch status {
	case "starting":
		c.start(job, now)
	case "success", "released_after_exception", "failed":
		c.end(job, status != "success", c.p.Busy || !c.started, now)
	default:
		return false
	}
	return true
}

// jsonKeys returns the strings "job" and "status" of an object that may have
// been cut (see maxLine): both stand near its start, before the exception's text.
func jsonKeys(object []byte) (job, status string) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		value, err := jsonValue(d)
		if err != nil {
			break
		}
		switch key {
		case "job":
			job = value
		case "status":
			status = value
		}
		if job != "" && status != "" {
			break
		}
	}
	return job, status
}

// jsonValue reads one value: its text when it is a string, "" for all others.
func jsonValue(d *json.Decoder) (string, error) {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 0 {
				return t, nil
			}
		}
		if depth == 0 {
			return "", nil
		}
		if depth < 0 {
			return "", io.ErrUnexpectedEOF
		}
	}
}

const dateLength = len("2026-11-21 00:35:22 ")

// halfStart reads the left half of a line of 9.21 to 9.40: the job in hand.
func halfStart(line []byte) (name string, ok bool) {
	if len(line) == 0 || line[0] != ' ' {
		return "", false
	}
	line = clean(line)
	if !bytes.HasPrefix(line, []byte("  ")) || !dated(line[2:]) {
		return "", false
	}
	if bytes.HasSuffix(line, []byte(" PAUSED")) || bytes.HasSuffix(line, []byte(" RESUMED")) {
		return "", false // of the whole queue, 13.x
	}
	rest := bytes.TrimRight(line[2+dateLength:], ".")
	rest = bytes.TrimRight(rest, " ")
	return string(rest), len(rest) > 0
}

// dated says whether p starts with a date, a time and a space.
func dated(p []byte) bool {
	const shape = "0000-00-00 00:00:00 "
	if len(p) < len(shape) {
		return false
	}
	for i := range len(shape) {
		digit := p[i] >= '0' && p[i] <= '9'
		if shape[i] == '0' && !digit || shape[i] != '0' && p[i] != shape[i] {
			return false
		}
	}
	return true
}
