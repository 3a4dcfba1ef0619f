package main

import (
	"fmt"
	"strings"
	"syscall"
)

// s6 has a process for each instance and clients for one instance at a time.
type s6 struct{}

func (s6) name() string                    { return "s6" }
func (s6) quit() syscall.Signal            { return syscall.SIGTERM }
func (s6) version(tools) (string, error)   { return packaged("s6-svscan", "s6") }
func (s6) output(s *session, i int) string { return s.logs(i) }

func (s6) limit(work string) (int, string) {
	if work == "crowd" {
		return 200, "a process for each instance of each client: 100,000 at 1,000"
	}
	return unlimited, ""
}

func (s6) prepare(s *session) error {
	return s.services("s6-log.run", func(scene) error { return nil })
}

func (s6) command(s *session) []string {
	return []string{"s6-svscan", "-t", "0", "-c", fmt.Sprint(2*s.n + 16), s.file("scan")}
}

// each runs a client for every instance: they take one directory only.
func (s6) each(s *session, client string) []string {
	return []string{"sh", "-c", fmt.Sprintf(`for d in %s/*; do %s "$d" || exit; done`, s.file("scan"), client)}
}

func (p s6) status(s *session) []string  { return p.each(s, "s6-svstat") }
func (p s6) restart(s *session) []string { return p.each(s, "s6-svc -r") }
func (s6) running(line string) bool      { return strings.HasPrefix(line, "up (pid ") }

// stop ends the tree too: one order to all, where s6-svc takes a process for each.
func (s6) stop(s *session) []string { return []string{"s6-svscanctl", "-t", s.file("scan")} }
