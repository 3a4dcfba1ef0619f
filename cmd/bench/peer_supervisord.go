package main

import (
	"fmt"
	"strings"
	"syscall"
)

type supervisord struct{}

func (supervisord) name() string             { return "supervisord" }
func (supervisord) quit() syscall.Signal     { return syscall.SIGTERM }
func (supervisord) config(s *session) string { return s.file("supervisord.conf") }

func (supervisord) version(tools) (string, error) { return packaged("supervisord", "supervisor") }

func (supervisord) limit(work string) (int, string) {
	if work == "crowd" {
		return 200, "100 interpreters and 100 answers of one thread take minutes"
	}
	return 1000, "4,000 take it minutes"
}

func (v supervisord) prepare(s *session) error {
	return s.write(v.config(s), "supervisord.conf", s.scene(), 0o600)
}

func (v supervisord) command(s *session) []string {
	return []string{"supervisord", "-n", "-c", v.config(s)}
}

func (v supervisord) ctl(s *session, words ...string) []string {
	return append([]string{"supervisorctl", "-c", v.config(s)}, words...)
}

func (v supervisord) status(s *session) []string  { return v.ctl(s, "status") }
func (v supervisord) stop(s *session) []string    { return v.ctl(s, "stop", "all") }
func (v supervisord) restart(s *session) []string { return v.ctl(s, "restart", "all") }
func (supervisord) running(line string) bool      { return strings.Contains(line, " RUNNING ") }

func (supervisord) output(s *session, i int) string { return s.file(fmt.Sprintf("out.%d", i)) }
