package main

import (
	"fmt"
	"syscall"
)

// raw is no supervisor: posix_spawn in a loop, and a copy from a pipe to a file; the least
// that N starts and their output cost.
type raw struct{}

func (raw) name() string                    { return "raw" }
func (raw) version(tools) (string, error)   { return "templates/raw.c", nil }
func (raw) prepare(*session) error          { return nil }
func (raw) status(*session) []string        { return nil }
func (raw) restart(*session) []string       { return nil }
func (raw) running(string) bool             { return false }
func (raw) output(s *session, i int) string { return s.file(fmt.Sprintf("out.%d", i)) }
func (raw) quit() syscall.Signal            { return syscall.SIGTERM }
func (raw) limit(string) (int, string)      { return unlimited, "" }

func (raw) command(s *session) []string {
	spawn := []string{s.tools.raw, fmt.Sprint(s.n), s.tools.worker, s.report.path}
	if s.bytes > 0 {
		return append([]string{"env", "RAW_OUT=" + s.file("out")}, append(spawn, fmt.Sprint(s.bytes))...)
	}
	return spawn
}

func (raw) stop(s *session) []string {
	return []string{"kill", "-TERM", fmt.Sprint(s.root.Process.Pid)}
}
