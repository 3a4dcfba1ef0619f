package jobs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// through is a counter that was saved and restored.
func through(t testing.TB, c *Counter, format Format, pattern *regexp.Regexp) *Counter {
	t.Helper()
	saved := c.Save()
	if len(saved) > SaveMost {
		t.Fatalf("%d bytes are saved", len(saved))
	}
	next := New(format, pattern)
	if err := next.Restore(saved); err != nil {
		t.Fatal(err)
	}
	return next
}

// TestSaveAnywhere reads every sample with a restart after every few bytes: the
// jobs are those of one reading.
func TestSaveAnywhere(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []int{1, 7, 100} {
			whole, c := New(Laravel, nil), New(Laravel, nil)
			finished := [2]int{}
			for at := 0; at < len(text); at += step {
				chunk := text[at:min(at+step, len(text))]
				now := noon.Add(time.Duration(at))
				p, q := whole.Feed(chunk, now), c.Feed(chunk, now)
				finished[0] += p.Finished
				finished[1] += q.Finished
				c = through(t, c, Laravel, nil)
				if diff := cmp.Diff(whole.Current(), c.Current()); diff != "" {
					t.Fatalf("%s, %d bytes, at %d: %s", name, step, at, diff)
				}
			}
			if finished[0] != finished[1] || finished[0] == 0 && strings.Contains(name, "out-") {
				t.Errorf("%s, %d bytes: finished %v", name, step, finished)
			}
		}
	}
}

func TestSaveIsBounded(t *testing.T) {
	const at = "  2026-11-21 00:35:24 "
	long := strings.Repeat("é", maxLine)
	c := New(Laravel, nil)
	c.Feed([]byte(at+long[:3000]+" RUNNING\n"+at+long[:3000]+" ... 1ms DONE\n"), noon)
	c.Feed([]byte(at+"B ... RUNNING\n"+long+at+"B ... 1ms DO"), noon)
	if got := len(c.Save()); got != SaveMost {
		t.Errorf("saved are %d bytes", got)
	}
	c = through(t, c, Laravel, nil)
	if p := c.Feed([]byte("NE\n"), noon); p.Finished != 1 || p.LastJob != "B" {
		t.Errorf("after the rest of a long line: %+v", p)
	}
	if saved := New(Laravel, nil).Save(); saved != nil {
		t.Errorf("a new counter saves %q", saved)
	}
}

func TestRestoreRefuses(t *testing.T) {
	c := New(Laravel, nil)
	c.Feed([]byte("  2026-11-21 00:35:24 A ... RUNNING\nhalf"), noon)
	saved := c.Save()
	for name, bad := range map[string][]byte{
		"a version to come": append([]byte{saveVersion + 1}, saved[1:]...),
		"no flags":          saved[:1],
		"unknown flags":     append([]byte{saveVersion, 0x10}, saved[2:]...),
		"half a name":       saved[:3],
		"no times":          saved[:6],
		"too much":          append(bytes.Clone(saved), make([]byte, SaveMost)...),
	} {
		next := New(Laravel, nil)
		if err := next.Restore(bad); err == nil {
			t.Errorf("%s: %q is read", name, bad)
		}
		if diff := cmp.Diff(Progress{}, next.Current()); diff != "" {
			t.Errorf("%s: the counter has changed: %s", name, diff)
		}
	}
}

// FuzzRestore: whatever is restored can be fed, and what is saved then is
// bounded and restored to the same.
func FuzzRestore(f *testing.F) {
	c := New(Laravel, nil)
	c.Feed([]byte("  2026-11-21 00:35:24 A ... RUNNING\n  2026-11-21 00:35:24 A ... 1ms FAIL\nhalf"), noon)
	f.Add(c.Save(), []byte(" a line\n"))
	f.Add([]byte{saveVersion, 15, 1, 'A', 1, 'B', 2, 4, 6, 8, 'x'}, []byte("  2026-11-21 00:35:24 A ... 1ms DONE\n"))
	f.Fuzz(func(t *testing.T, saved, text []byte) {
		c := New(Laravel, nil)
		if c.Restore(saved) != nil {
			return
		}
		c = through(t, c, Laravel, nil)
		p := c.Feed(text, noon)
		if lines := bytes.Count(text, []byte("\n")); p.Finished < 0 || p.Finished > lines {
			t.Fatalf("%d jobs in %d lines", p.Finished, lines)
		}
		again := through(t, c, Laravel, nil)
		one, two := c.Save(), again.Save()
		if !bytes.Equal(one, two) {
			t.Fatalf("saved %q, restored and saved %q", one, two)
		}
	})
}
