package main

import (
	"strings"
	"syscall"
)

// monit looks in cycles at processes that it is not the parent of.
type monit struct{}

func (monit) name() string                  { return "monit" }
func (monit) quit() syscall.Signal          { return syscall.SIGTERM }
func (monit) version(tools) (string, error) { return packaged("monit", "monit") }
func (monit) output(*session, int) string   { return "" }
func (monit) config(s *session) string      { return s.file("monitrc") }

func (monit) limit(string) (int, string) {
	return 10, "it starts one after the other and waits for each"
}

// prepare: monit refuses a configuration that others may read.
func (p monit) prepare(s *session) error { return s.write(p.config(s), "monitrc", s.scene(), 0o600) }

func (p monit) command(s *session) []string { return []string{"monit", "-I", "-c", p.config(s)} }

func (p monit) ctl(s *session, words ...string) []string {
	return append([]string{"monit", "-B", "-c", p.config(s)}, words...)
}

func (p monit) status(s *session) []string  { return p.ctl(s, "summary") }
func (p monit) stop(s *session) []string    { return p.ctl(s, "stop", "all") }
func (p monit) restart(s *session) []string { return p.ctl(s, "restart", "all") }

func (monit) running(line string) bool {
	return strings.Contains(line, "Process") && strings.Contains(line, " OK ")
}
