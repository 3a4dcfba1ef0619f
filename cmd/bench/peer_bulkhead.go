package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// bulkhead with limits armed is what its users run; without any it does what its
// peers do.
type bulkhead struct{ bare bool }

func (b bulkhead) name() string {
	if b.bare {
		return "bulkhead-bare"
	}
	return own
}
func (bulkhead) quit() syscall.Signal       { return syscall.SIGTERM }
func (bulkhead) limit(string) (int, string) { return unlimited, "" }
func (bulkhead) config(s *session) string   { return s.file("bulkhead.toml") }

func (bulkhead) version(t tools) (string, error) {
	out, err := exec.Command(t.bulkhead, "version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask %q for its version: %v", t.bulkhead, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "bulkhead "), nil
}

func (b bulkhead) prepare(s *session) error {
	v := s.scene()
	v.Limits = !b.bare
	return s.write(b.config(s), "bulkhead.toml", v, 0o600)
}

func (b bulkhead) command(s *session) []string {
	return []string{s.tools.bulkhead, "serve", "-c", b.config(s)}
}

func (b bulkhead) ctl(s *session, words ...string) []string {
	return append([]string{s.tools.bulkhead, "ctl", "-c", b.config(s)}, words...)
}

func (b bulkhead) status(s *session) []string  { return b.ctl(s, "status") }
func (b bulkhead) stop(s *session) []string    { return b.ctl(s, "stop", "all") }
func (b bulkhead) restart(s *session) []string { return b.ctl(s, "restart", "all") }
func (bulkhead) running(line string) bool      { return strings.Contains(line, " RUNNING ") }

func (bulkhead) output(s *session, i int) string { return s.file(fmt.Sprintf("out.%d", i)) }
