package main

import (
	"fmt"
	"syscall"
)

// raw is no supervisor: posix_spawn in a loop, and a copy from a pipe to a file; the least
// that N starts and their output cost. straight has no pipe: the children's standard output is the
// file itself, and no way to it can be faster.
type raw struct{ straight bool }

func (r raw) name() string {
	if r.straight {
		return "straight"
	}
	return "raw"
}
func (raw) version(tools) (string, error)   { return "templates/raw.c", nil }
func (raw) prepare(*session) error          { return nil }
func (raw) status(*session) []string        { return nil }
func (raw) restart(*session) []string       { return nil }
func (raw) running(string) bool             { return false }
func (raw) output(s *session, i int) string { return s.file(fmt.Sprintf("out.%d", i)) }
func (raw) quit() syscall.Signal            { return syscall.SIGTERM }

func (r raw) limit(string) (int, string) {
	if r.straight {
		return 0, ""
	}
	return unlimited, ""
}

func (r raw) command(s *session) []string {
	spawn := []string{s.tools.raw, fmt.Sprint(s.n), s.tools.worker, s.report.path}
	if s.bytes == 0 {
		return spawn
	}
	env := []string{"env", "RAW_OUT=" + s.file("out")}
	if r.straight {
		env = append(env, "RAW_STRAIGHT=1")
	}
	return append(env, append(spawn, fmt.Sprint(s.bytes))...)
}

func (raw) stop(s *session) []string {
	return []string{"kill", "-TERM", fmt.Sprint(s.root.Process.Pid)}
}
