package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func parseHex(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func octal(n int) string { return strconv.FormatInt(int64(n), 8) }

func TestAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), statusFile)
	if a, ok := readAnswer(path); ok {
		t.Errorf("no answer reads as %v", a)
	}
	for _, want := range []answer{{Status: 0}, {Status: 137}, {Status: exitLane, Error: `cannot mount "x": busy`}} {
		if err := want.write(path); err != nil {
			t.Fatal(err)
		}
		got, ok := readAnswer(path)
		if !ok || got != want {
			t.Errorf("wrote %v, read %v, %v", want, got, ok)
		}
		status, err := got.exit()
		if status != want.Status || (err == nil) != (want.Error == "") {
			t.Errorf("%v exits with %d, %v", want, status, err)
		}
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a, ok := readAnswer(path); !ok || a.Status != exitLane || !strings.Contains(a.Error, "cannot read the answer") {
		t.Errorf("a broken answer reads as %v, %v", a, ok)
	}
}

func TestFollowerPassesOnWhatIsAdded(t *testing.T) {
	path := filepath.Join(t.TempDir(), outputFile)
	var got bytes.Buffer
	f := follower{path: path, to: &got}
	if err := f.copy(); err != nil {
		t.Fatalf("before the file is there: %v", err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, part := range []string{"", "first ", "half\nsecond\n", strings.Repeat("x", 1<<20)} {
		if _, err := file.WriteString(part); err != nil {
			t.Fatal(err)
		}
		want += part
		if err := f.copy(); err != nil || got.String() != want {
			t.Fatalf("after %.20q: %d bytes, want %d; %v", part, got.Len(), len(want), err)
		}
	}
}

func TestPulse(t *testing.T) {
	path := filepath.Join(t.TempDir(), pulseFile)
	start := time.Now()
	const silence = time.Minute
	p := newPulse(path, silence, start)
	after := func(d time.Duration, text string, want bool) {
		t.Helper()
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.stopped(start.Add(d)); got != want {
			t.Errorf("after %v: stopped %v, want %v", d, got, want)
		}
	}
	after(0, "", false)
	after(bootLimit, "", false)
	after(bootLimit+time.Second, "", true) // never began
	after(bootLimit+2*time.Second, "1", false)
	after(bootLimit+time.Minute, "2", false)
	after(bootLimit+time.Minute+silence, "", false)
	after(bootLimit+time.Minute+silence+time.Second, "", true)
}
