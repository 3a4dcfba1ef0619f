package history

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// at is a reading n seconds after a boot.
func at(n string) string { return strings.Replace(reading, `"up":60`, `"up":`+n, 1) }

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		file  string // that is read, "" the directory
		ups   []int64
		bad   int
		why   string
		fails string
	}{
		"both files":       {map[string]string{older: at("1") + "\n" + at("2") + "\n", newer: at("3") + "\n"}, "", []int64{1, 2, 3}, 0, "", ""},
		"one file of two":  {map[string]string{older: at("1") + "\n", newer: at("3") + "\n"}, older, []int64{1}, 0, "", ""},
		"just rotated":     {map[string]string{older: at("1") + "\n"}, "", []int64{1}, 0, "", ""},
		"no newline":       {map[string]string{newer: at("1")}, "", []int64{1}, 0, "", ""},
		"carriage returns": {map[string]string{newer: at("1") + "\r\n\r\n"}, "", []int64{1}, 0, "", ""},
		"torn at the end":  {map[string]string{newer: at("1") + "\n" + at("2")[:30]}, "", []int64{1}, 1, "line 2 of", ""},
		"torn and gone on": {map[string]string{newer: at("1") + "\n" + at("2")[:30] + "\n" + at("3") + "\n"}, "", []int64{1, 3}, 1, "line 2 of", ""},
		"too long":         {map[string]string{newer: at("1") + "\n" + strings.Repeat("x", lineMost+1) + "\n" + at("3")}, "", []int64{1, 3}, 1, "longer than", ""},
		"foreign":          {map[string]string{newer: "\xef\xbe\xed\xfe\x00\n\x00"}, "", nil, 0, "", "is none: line 1 of"},
		"empty":            {map[string]string{newer: ""}, "", nil, 0, "", "is empty"},
		"blank":            {map[string]string{newer: "\n \n"}, newer, nil, 0, "", "is empty"},
		"nothing there":    {nil, "", nil, 0, "", "no such file"},
		"no such file":     {nil, "other", nil, 0, "", "no such file"},
		"a folder for it":  {map[string]string{"history/x": ""}, "", nil, 0, "", "is no file"},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, dir, name, text)
		}
		l, err := Read(filepath.Join(dir, c.file))
		if (err != nil) != (c.fails != "") || err != nil && (!strings.Contains(err.Error(), c.fails) || !strings.HasPrefix(err.Error(), "cannot read a history: ")) {
			t.Errorf("%s: %v, want %q", name, err, c.fails)
		}
		var ups []int64
		for _, line := range l.Lines {
			ups = append(ups, line.Up)
		}
		if diff := cmp.Diff(c.ups, ups); diff != "" || l.Bad != c.bad || !strings.Contains(l.Why, c.why) {
			t.Errorf("%s: %d bad, %q (-want +got):\n%s", name, l.Bad, l.Why, diff)
		}
	}
}

// FuzzHistory: whatever a file holds, what is read of it is sound, and is written the same again.
func FuzzHistory(f *testing.F) {
	f.Add([]byte(reading + "\n" + at("3")[:20] + "\n\n" + at("4")))
	f.Add([]byte(`{` + head + `,"mark":"start","lost":3}`))
	f.Add([]byte(`{` + head + `,` + memory + `,"programs":{"a":{"n":1,"sum":2,"most":2,"memory_max":9}},"some":1,"full":1,"oom_kills":2}`))
	f.Add([]byte(`{` + head + `,` + memory + `,"programs":{}}`)) // no programs are written as no key
	f.Add([]byte("\xef\xbe\xed\xfe\x00\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var l Log
		if err := l.read(bytes.NewReader(text), "fuzz"); err != nil {
			t.Fatal(err)
		}
		if (l.Bad > 0) != (l.Why != "") || len(l.Lines)+l.Bad > bytes.Count(text, []byte("\n"))+1 {
			t.Fatalf("%d lines, %d bad, %q", len(l.Lines), l.Bad, l.Why)
		}
		for _, line := range l.Lines {
			b, err := line.encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(b)
			if err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			line.At = again.At // to the second
			if diff := cmp.Diff(line, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
