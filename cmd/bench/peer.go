package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

// peer is a supervisor, or what stands beside one, in a session of its own.
type peer interface {
	name() string
	// version is what is installed; an error says why it cannot be run.
	version(t tools) (string, error)
	// limit is the most instances that it is run with at a work, but for logs, and why no
	// more; 0 and no reason for who is there for logs alone.
	limit(work string) (n int, why string)
	// prepare writes its configuration.
	prepare(s *session) error
	// command is the supervisor, in the foreground.
	command(s *session) []string
	// status, stop and restart are its clients' commands for all instances; nil
	// when it has none.
	status(s *session) []string
	stop(s *session) []string
	restart(s *session) []string
	// running says whether a line of status is an instance that runs.
	running(line string) bool
	// quit is the signal that ends it and all it runs.
	quit() syscall.Signal
	// output is where the output of an instance goes, as a glob pattern; "" when
	// it keeps none.
	output(s *session, i int) string
}

// unlimited is a limit that no run reaches.
const unlimited = 1 << 20

//go:embed templates
var templates embed.FS

// write makes a file of the session from a template.
func (s *session) write(path, name string, values any, mode os.FileMode) error {
	t, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return fmt.Errorf("internal error: template %q: %v", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return fmt.Errorf("internal error: template %q: %v", name, err)
	}
	return os.WriteFile(path, []byte(b.String()), mode)
}

// scene are the values of a template.
type scene struct {
	Dir, Worker, Report string
	N, I, Files         int
	Bytes               int64
	Numbers             []int
	Limits              bool
}

func (s *session) scene() scene {
	numbers := make([]int, s.n)
	for i := range numbers {
		numbers[i] = i
	}
	return scene{Dir: s.dir, Worker: s.tools.worker, Report: s.report.path, N: s.n, Files: filesFor(s.n), Bytes: s.bytes, Numbers: numbers}
}

// filesFor is how many descriptors a supervisor of n may want: bulkhead has four of an
// instance.
func filesFor(n int) int { return 1024 + 4*n }

// packaged is the version of an installed Debian package, or just that the
// program is there.
func packaged(program, pkg string) (string, error) {
	if _, err := exec.LookPath(program); err != nil {
		return "", fmt.Errorf("%s is not installed", program)
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil || len(out) == 0 {
		return "of unknown version", nil
	}
	return string(out), nil
}

// everyone are all peers, in the order of the tables.
func everyone() []peer {
	return []peer{raw{}, raw{straight: true}, bulkhead{}, bulkhead{bare: true}, supervisord{}, s6{}, runit{}, monit{}}
}
