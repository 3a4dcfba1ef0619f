package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each peer's configuration is complete, with output to keep and without.
func TestPrepare(t *testing.T) {
	for _, p := range everyone() {
		for _, bytes := range []int64{0, 4096} {
			s := &session{peer: p, tools: tools{worker: "/bin/true"}, n: 2, bytes: bytes, dir: t.TempDir()}
			s.report = &report{path: s.file("report")}
			if err := p.prepare(s); err != nil {
				t.Errorf("%s: %v", p.name(), err)
			}
			text := written(t, s.dir)
			if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %s", p.name(), text)
			}
			_, unconfigured := p.(raw)
			keeps := p.output(s, 0) != "" && !unconfigured
			if keeps && strings.Contains(text, "/out.") != (bytes > 0) {
				t.Errorf("%s with %d bytes to keep: %s", p.name(), bytes, text)
			}
		}
	}
}

// written is the text of all files that were made.
func written(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// What a logger keeps is counted, what it notes for itself is not.
func TestWritten(t *testing.T) {
	for _, p := range []peer{s6{}, runit{}} {
		s := &session{peer: p, dir: t.TempDir(), n: 1}
		if err := os.Mkdir(s.file("out.0"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, size := range map[string]int{"current": 100, "@4000000065aa.s": 7, "config": 1000, "lock": 1000, "state": 1000} {
			if err := os.WriteFile(filepath.Join(s.file("out.0"), name), make([]byte, size), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.written(0); n != 107 || err != nil {
			t.Errorf("%s: %d, %v", p.name(), n, err)
		}
	}
}

func TestLimits(t *testing.T) {
	b := &bench{peers: everyone()}
	text := strings.Join(b.limits(), "\n")
	for _, want := range []string{"runit: at most 1,000 instances: compiled in", "monit: at most 10 instances", "s6: 100 clients at most at 200"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, own) {
		t.Errorf("bulkhead has a limit:\n%s", text)
	}
}
