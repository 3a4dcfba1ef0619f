package main

import (
	"fmt"
	"syscall"
)

// raw is no supervisor: posix_spawn in a loop, the least that N starts cost.
type raw struct{}

func (raw) name() string                  { return "raw" }
func (raw) version(tools) (string, error) { return "templates/raw.c", nil }
func (raw) prepare(*session) error        { return nil }
func (raw) status(*session) []string      { return nil }
func (raw) restart(*session) []string     { return nil }
func (raw) running(string) bool           { return false }
func (raw) output(*session, int) string   { return "" }
func (raw) quit() syscall.Signal          { return syscall.SIGTERM }
func (raw) limit(string) (int, string)    { return unlimited, "" }

func (raw) command(s *session) []string {
	return []string{s.tools.raw, fmt.Sprint(s.n), s.tools.worker, s.report.path}
}

func (raw) stop(s *session) []string {
	return []string{"kill", "-TERM", fmt.Sprint(s.root.Process.Pid)}
}
