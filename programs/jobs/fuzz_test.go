package jobs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzFeed checks that no output makes the counter panic or grow, and that
// what it reports does not depend on how the output is cut.
func FuzzFeed(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte{byte(i), 3, 200}, uint16(0), i%2 == 0)
		f.Add(text, []byte{1}, uint16(maxLine-keepTail), false)
	}
	f.Add([]byte("Received message A\nA was handled successfully (acknowledging to transport).\n"), []byte{7}, uint16(9), true)
	pattern := regexp.MustCompile(`ok|DONE`)
	f.Fuzz(func(t *testing.T, text, cuts []byte, echo uint16, usePattern bool) {
		// What a job echoed without a newline; made here, so that the corpus stays small.
		text = append(bytes.Repeat([]byte("."), int(echo)), text...)
		for _, format := range Formats() {
			var re *regexp.Regexp
			if usePattern {
				re = pattern
			}
			want := fed(New(format, re), text, nil)
			if lines := bytes.Count(text, []byte("\n")) + 1; want.Finished > lines*2 {
				t.Fatalf("%s: %d jobs in %d lines", format, want.Finished, lines)
			}
			if diff := cmp.Diff(want, fed(New(format, re), text, cuts)); diff != "" {
				t.Fatalf("%s, cut at %v: %s", format, cuts, diff)
			}
			if len(text) < 1<<10 {
				if diff := cmp.Diff(want, fed(New(format, re), text, []byte{0})); diff != "" {
					t.Fatalf("%s, byte by byte: %s", format, diff)
				}
			}
		}
	})
}

// fed feeds text in pieces of the lengths cuts+1, again and again, and returns
// the last progress with all jobs finished, Current checked on the way.
func fed(c *Counter, text, cuts []byte) Progress {
	total := 0
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)])+1)
		}
		total += c.Feed(text[:n], noon).Finished
		if cap(c.line.buf) > 2*maxLine {
			panic("the line buffer grows")
		}
		text = text[n:]
	}
	before := c.Current()
	p := c.Finish(noon)
	p.Finished += total
	if before.Busy {
		p.LastJob += " after " + before.Job // compares Current too
	}
	return p
}

// FuzzNotify checks that no datagram makes the parser panic, claims jobs beyond
// the bound, or carries something unprintable into a status line.
func FuzzNotify(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=up\nJOBS_DONE=3"))
	f.Add([]byte("JOBS_DONE=2147483647\nJOBS_DONE=1\nSTATUS=\xff\x1b[31m"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		n, err := ParseNotify(datagram)
		if n.JobsDone < 0 || n.JobsDone > maxJobsDone {
			t.Errorf("%d jobs", n.JobsDone)
		}
		if len(n.Status) > maxStatus || !utf8.ValidString(n.Status) || bytes.ContainsAny([]byte(n.Status), "\n\x1b\r") {
			t.Errorf("status %q", n.Status)
		}
		if err != nil && !bytes.Contains(datagram, []byte("JOBS_DONE")) {
			t.Errorf("an error without JOBS_DONE: %v", err)
		}
	})
}
