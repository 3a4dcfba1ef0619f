package jobs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestSamples reads what real workers of every format wrote.
func TestSamples(t *testing.T) {
	const mail, fails, retries, timesOut = `App\Jobs\SendEmail`, `App\Jobs\Fails`, `App\Jobs\FailsThenRetries`, `App\Jobs\TimesOut`
	for file, want := range map[string][]string{
		"echo-v12.67.0.txt":      {"Import CSV (tenant 7)", `App\Jobs\Slow`},
		"echo-v9.20.0.txt":       {"Import CSV (tenant 7)", `App\Jobs\Slow`},
		"out-narrow.txt":         {mail, fails + " failed"},
		"out-v11.56.0--ansi.txt": {mail, fails + " failed", retries + " failed"},
		"out-v11.56.0-json.txt":  {mail, fails + " failed", retries + " failed", timesOut + " failed timed out"},
		"out-v11.56.0-v.txt":     {mail + " 1", fails + " 2 failed", retries + " 3 failed"},
		"out-v11.56.0.txt":       {mail, mail, fails + " failed", retries + " failed"},
		"out-v13.26.1-json.txt":  {mail, fails + " failed", retries + " failed", timesOut + " failed timed out"},
		"out-v13.26.1.txt":       {mail, mail, fails + " failed", retries + " failed"},
		"out-v9.20.0.txt":        {mail, mail, fails + " failed", "in hand: " + retries},
		"out-v9.30.0.txt":        {mail, mail, fails + " failed", retries + " failed"},
		"out-v9.52.22.txt":       {mail, mail, fails + " failed", retries + " failed"},
	} {
		t.Run(file, func(t *testing.T) {
			out, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, story(t, Laravel, nil, string(out))); diff != "" {
				t.Error(diff)
			}
		})
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != 12 {
		t.Errorf("%d samples, 12 are listed above (%v)", len(files), err)
	}
}

// story feeds out line by line and tells each end, and what is in hand after the last line.
func story(t *testing.T, f Format, pattern *regexp.Regexp, out string) []string {
	t.Helper()
	c := New(f, pattern)
	var ends []string
	tell := func(p Progress) {
		for range p.Finished {
			s := p.LastJob
			if p.Failed {
				s += " failed"
			}
			if p.TimedOut {
				s += " timed out"
			}
			ends = append(ends, s)
		}
	}
	for line := range strings.SplitAfterSeq(out, "\n") {
		tell(c.Feed([]byte(line), noon))
	}
	tell(c.Finish(noon))
	if p := c.Current(); p.Busy {
		ends = append(ends, "in hand: "+p.Job)
	}
	return ends
}

func TestCounting(t *testing.T) {
	const at = "  2026-11-21 00:35:24 "
	for _, c := range []struct {
		name   string
		format Format
		out    string
		want   []string
	}{
		{"fail() inside a job, 9.41", Laravel, at + "A ... RUNNING\n" + at + "A ... 1ms FAIL\n" + at + "A ... 2ms DONE\n", []string{"A failed"}},
		{"fail() inside a job, 8", Laravel, "[2026-11-21 00:21:14][1] Processing: A\n[2026-11-21 00:21:14][1] Failed:     A\n[2026-11-21 00:21:14][1] Processed:  A\n", []string{"A failed"}},
		{"fail() inside a job, json", Laravel, `{"level":"info","job":"A","status":"starting"}` + "\n" + `{"level":"warning","job":"A","status":"failed"}` + "\n" + `{"level":"info","job":"A","status":"success"}` + "\n", []string{"A failed"}},
		{"killed in its job", Laravel, at + "A ... 1ms DONE\n" + at + "B ... RUNNING\n", []string{"A", "in hand: B"}},
		{"9.30 in its job", Laravel, at + "A ... 1ms DONE\n" + at + "Import CSV (tenant 7)", []string{"A", "in hand: Import CSV (tenant 7)"}},
		{"9.30, the job prints lines", Laravel, at + "A\nhello\n ........ 8.28ms DONE\n", []string{"A"}},
		{"9.30, the job prints lines, narrow", Laravel, at + "A\nhello\n  8.28ms FAIL\n", []string{"A failed"}},
		{"9.30, a line of a job's own", Laravel, "query took 8.28ms DONE\n", nil},
		{"9.41, a line of a job's own", Laravel, at + "A ... RUNNING\n ... 8.28ms DONE\n", []string{"in hand: A"}},
		{"memory column of 13.3", Laravel, at + "A 1 redis default ... RUNNING\n" + at + "A 1 redis default ... 8.24ms 14MB DONE\n", []string{"A 1 redis default"}},
		{"another language", Laravel, at + "A ... RUNNING\n" + at + "A ... 1 Std. 2 Min. DONE\n", []string{"A"}},
		{"no room for dots", Laravel, at + "A B  RUNNING\n" + at + "A B  1h 1m 2s DONE\n", []string{"A B"}},
		{"carriage returns of a terminal", Laravel, at + "A ... RUNNING\r\n" + at + "A ... 1ms DONE\r\n", []string{"A"}},
		{"paused", Laravel, at + "Queue default PAUSED\n{\"level\":\"info\",\"queue\":\"default\",\"status\":\"paused\"}\n", nil},
		{"json after an echo", Laravel, `50%{"level":"info","job":"A","status":"starting"}` + "\n" + `done{"level":"info","x":{"job":"no","status":[1]},"job":"A","status":"success"}` + "\n", []string{"A"}},
		{"json that is no job", Laravel, `{"status":"success","user":4}` + "\n" + `{"job":1,"status":"success"}` + "\n" + `{"job":"A","status":"other"}` + "\n" + `{"status":` + "\n", nil},
		{"json longer than a line may be", Laravel, `{"level":"info","job":"A","status":"starting"}` + "\n" + `{"level":"info","job":"A","status":"failed","message":"` + strings.Repeat("x", 5*maxLine) + "\"}\n", []string{"A failed"}},
		{"text behind more than a line may be", Laravel, at + "A ... RUNNING\n" + strings.Repeat(".", 5*maxLine) + at + "A ... 1ms DONE\n", []string{"A"}},
		{"last line without an end", Laravel, at + "A ... RUNNING\n" + at + "A ... 1ms DONE", []string{"A"}},
		{"a timeout in text", Laravel, at + "A ... RUNNING\nIlluminate\\Queue\\TimeoutExceededException: A has timed out.\n" + at + "A ... 1s FAIL\n", []string{"A failed timed out"}},
		{"a timeout is forgotten by the next start", Laravel, at + "A ... RUNNING\nTimeoutExceededException\n" + at + "B ... RUNNING\n" + at + "B ... 1ms DONE\n", []string{"B"}},
		{"none", None, at + "A ... RUNNING\n" + at + "A ... 1ms DONE\n", nil},
		{"symfony", Symfony, "11:22:33 INFO      [messenger] Received message App\\A [\"class\" => \"App\\A\"]\n11:22:33 INFO      [messenger] App\\A was handled successfully (acknowledging to transport). [\"class\" => \"App\\A\"]\n", []string{`App\A`}},
		{"symfony, ansi", Symfony, "\x1b[32m11:22:33 INFO     \x1b[39m Received message \x1b[33mApp\\A\x1b[39m\n", []string{`in hand: App\A`}},
		{"symfony, failures", Symfony, "WARNING [messenger] Error thrown while handling message App\\A. Sending for retry #1 using 1000 ms delay.\nCRITICAL [messenger] Error thrown while handling message App\\B. Removing from transport after 3 retries.\n", []string{`App\A failed`, `App\B failed`}},
		{"symfony, not interpolated", Symfony, `{"message":"Received message {class}","context":{"class":"App\\A"}}` + "\n" + `{"message":"{class} was handled successfully (acknowledging to transport).","context":{"class":"App\\A"}}` + "\n", []string{"{class}"}},
		{"symfony, other messages", Symfony, "No handler for message App\\A\nanother message \n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, story(t, c.format, nil, c.out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	c := New(Laravel, regexp.MustCompile(`^job \d+ ok$`))
	p := c.Feed([]byte("job 1 ok\njob x ok\n  2026-11-21 00:35:24 A RUNNING\n\x1b[32mjob 2 ok\x1b[39m \r\n  2026-11-21 00:35:24 A  1ms FAIL\njob 3 o"), noon)
	if p.Finished != 2 || p.Busy || !p.Failed || p.LastJob != "A" {
		t.Errorf("after the lines: %+v", p)
	}
	if p := c.Feed([]byte("k\n"), noon); p.Finished != 1 {
		t.Errorf("after the line in pieces: %+v", p)
	}
}

// TestInHand follows one job of each kind of line through time.
func TestInHand(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	for name, pieces := range map[string][3]string{
		"9.41": {"  2026-11-21 00:35:24 A ... RUNNING\n", "working\n", "  2026-11-21 00:35:24 A ... 2s FAIL\n"},
		"9.30": {"  2026-11-21 00:35:24 A", " ", ".... 2,000.00ms FAIL\n"},
		"8":    {"[2026-11-21 00:21:14][1] Processing: A\n", "wor", "king[2026-11-21 00:21:14][1] Failed:     A\n"},
		"json": {`{"level":"info","job":"A","status":"starting"}` + "\n", "\n", `{"level":"info","job":"A","status":"failed"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Laravel, nil)
			busy := Progress{Busy: true, Job: "A", Since: at(1)}
			if diff := cmp.Diff(busy, c.Feed([]byte(pieces[0]), at(1))); diff != "" {
				t.Errorf("started: %s", diff)
			}
			if diff := cmp.Diff(busy, c.Feed([]byte(pieces[1]), at(2))); diff != "" {
				t.Errorf("working: %s", diff)
			}
			ended := Progress{Failed: true, LastJob: "A", LastSince: at(1), LastEnd: at(3)}
			if diff := cmp.Diff(busy, c.Current()); diff != "" {
				t.Errorf("current: %s", diff)
			}
			got := c.Feed([]byte(pieces[2]), at(3))
			ended.Finished = 1
			if diff := cmp.Diff(ended, got); diff != "" {
				t.Errorf("ended: %s", diff)
			}
			ended.Finished = 0
			if diff := cmp.Diff(ended, c.Current()); diff != "" {
				t.Errorf("after: %s", diff)
			}
		})
	}
}

func TestLineBufferIsBounded(t *testing.T) {
	c := New(Laravel, nil)
	piece := bytes.Repeat([]byte("x"), 1000)
	for range 1000 {
		c.Feed(piece, noon)
	}
	if n := cap(c.line.buf); n > 2*maxLine {
		t.Errorf("an endless line holds %d bytes", n)
	}
	c.Feed([]byte("\n"), noon)
	if c.line.buf != nil {
		t.Errorf("%d bytes are kept after the line", cap(c.line.buf))
	}
}

// TestOrdinaryOutputIsFree keeps the cost of lines that cannot match down.
func TestOrdinaryOutputIsFree(t *testing.T) {
	for _, f := range Formats() {
		c := New(f, nil)
		if n := testing.AllocsPerRun(100, func() { c.Feed(ordinary, noon) }); n != 0 {
			t.Errorf("%s: %v allocations", f, n)
		}
	}
}

// ordinary is 64 KiB of what an application logs.
var ordinary = func() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 64<<10; i++ {
		fmt.Fprintf(&b, "[2026-11-21 00:35:22] production.INFO: Imported row %d of tenant 7 {\"ms\":%d} []\n", i, i%97)
	}
	return b.Bytes()
}()

func BenchmarkFeed(b *testing.B) {
	jobs, err := os.ReadFile("testdata/out-v11.56.0.txt")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		format Format
		text   []byte
	}{
		{"ordinary/laravel", Laravel, ordinary},
		{"ordinary/symfony", Symfony, ordinary},
		{"jobs/laravel", Laravel, jobs},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			n := New(c.format, nil)
			for b.Loop() {
				n.Feed(c.text, noon)
			}
		})
	}
}
