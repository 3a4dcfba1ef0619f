package logs

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// run feeds a filter as a pump does, in chunks of a size: what is not used is
// presented once more. It returns what comes out, and what that leaves to a drain.
func runFilter(t testing.TB, f Filter, in string, size int) (out string, captured []string, tail string) {
	t.Helper()
	var staged []byte
	add := func(d decided) string {
		if d.same && string(d.out) != string(staged[:d.used]) {
			t.Errorf("%q is said to be the same as %q", d.out, staged[:d.used])
		}
		for _, c := range d.captured {
			captured = append(captured, string(c))
		}
		staged = staged[d.used:]
		return string(d.out)
	}
	for chunk := range slices.Chunk([]byte(in), size) {
		staged = append(staged, chunk...)
		out += add(f.decide(staged, patiently))
		if len(staged) > holdSize {
			t.Fatalf("%d bytes stay staged", len(staged))
		}
	}
	tail = add(f.decide(staged, finally))
	if len(staged) > 0 {
		t.Errorf("%q is left at the end", staged)
	}
	return out, captured, tail
}

const begin, end = captureBegin, captureEnd

func TestFilter(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	for _, c := range []struct {
		name     string
		f        Filter
		in, out  string
		captured []string
	}{
		{"colours", Filter{StripANSI: true}, "a\x1b[31mred\x1b[0m\n\x1b[2J\x1b[1;1Hb", "ared\nb", nil},
		{"no sequence", Filter{StripANSI: true}, "a\x1b[\nhello\x1bZ \x1b\x1b[31mb", "a\x1b[\nhello\x1bZ \x1bb", nil},
		{"another final", Filter{StripANSI: true}, "a\x1b[2Gfoo\x1b[5mb", "a\x1b[2Gfoob", nil},
		{"never ends", Filter{StripANSI: true}, "\x1b[" + strings.Repeat("1", 100) + "mx", "\x1b[" + strings.Repeat("1", 100) + "mx", nil},
		{"cut at the end", Filter{StripANSI: true}, "text\x1b[3", "text\x1b[3", nil},
		{"not asked for", Filter{}, "a\x1b[31m" + begin + "b" + end, "a\x1b[31m" + begin + "b" + end, nil},
		{"capture", Filter{Capture: 100}, "a\n" + begin + "hello" + end + "b\n", "a\nb\n", []string{"hello"}},
		{"short tail", Filter{Capture: 100}, begin + "x" + end + "after\n", "after\n", []string{"x"}},
		{"several", Filter{Capture: 100}, begin + "1" + end + begin + end + "t" + begin + "3" + end, "t", []string{"1", "", "3"}},
		{"newest", Filter{Capture: 3}, begin + "abcdef" + end, "", []string{"def"}},
		{"longer than the stage", Filter{Capture: 99_990}, "a" + begin + long + end + "b", "ab", []string{long[10:]}},
		{"longer than all", Filter{Capture: 10}, "a" + begin + long + end + "b", "ab", []string{"0123456789"}},
		{"almost", Filter{Capture: 10}, "a<!--XSUPERVISOR:<!--x-->\n", "a<!--XSUPERVISOR:<!--x-->\n", nil},
		{"begin in begin", Filter{Capture: 99}, "<!--XSUP" + begin + "x" + begin + "y" + end, "<!--XSUP", []string{"x" + begin + "y"}},
		{"end alone", Filter{Capture: 99}, "x" + end + "y", "x" + end + "y", nil},
		{"open at the end", Filter{Capture: 99}, "x" + begin + "y", "xy", nil},
		{"open and long", Filter{Capture: 20}, "x" + begin + long, "x" + long[:20], nil},
		{"both", Filter{StripANSI: true, Capture: 99}, "\x1b[1ma" + begin + "\x1b[31mr" + end + "\x1b[0mb", "ab", []string{"r"}},
		{"token in a sequence", Filter{StripANSI: true, Capture: 99}, "\x1b[3" + begin + "x" + end + "b", "\x1b[3b", []string{"x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 64, 1000, chunkSize} {
				if size < 64 && len(c.in) > holdSize {
					continue // a minute each
				}
				out, captured, tail := runFilter(t, c.f, c.in, size)
				if out+tail != c.out || !slices.Equal(captured, c.captured) {
					t.Errorf("in chunks of %d: got %.80q %.80q, want %.80q %.80q", size, out+tail, captured, c.out, c.captured)
				}
			}
		})
	}
}

// TestFilterKeepsLittle: only what may be a token or a sequence waits for more.
func TestFilterKeepsLittle(t *testing.T) {
	for in, want := range map[string]string{
		"after\n":            "after\n",
		"prompt <":           "prompt ",
		"prompt <!--X":       "prompt ",
		"a\x1b":              "a",
		"a\x1b[31;":          "a",
		"a" + begin + "text": "a",
	} {
		f := Filter{StripANSI: true, Capture: 100}
		if d := f.decide([]byte(in), patiently); string(d.out) != want {
			t.Errorf("of %q came %q, want %q", in, d.out, want)
		}
	}
}

// FuzzFilter holds that chunks do not matter and nothing but tokens, sequences and
// captures goes.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("a"+begin+"b"+end+"c"), uint8(3), true)
	f.Add([]byte("\x1b[31mred\x1b[0m <!--XSUPER\x1b[1"), uint8(1), true)
	f.Fuzz(func(t *testing.T, in []byte, size uint8, strip bool) {
		filter := Filter{StripANSI: strip, Capture: 1 << 20}
		out, captured, tail := runFilter(t, filter, string(in), int(size)+1)
		whole, want, rest := runFilter(t, filter, string(in), len(in)+1)
		if out+tail != whole+rest || !slices.Equal(captured, want) {
			t.Errorf("in chunks of %d: got %q %q, want %q %q", int(size)+1, out+tail, captured, whole+rest, want)
		}
		if !strip && !bytes.Contains(in, []byte(begin)) && out+tail != string(in) {
			t.Errorf("got %q, want %q", out+tail, in)
		}
	})
}
