package main

import (
	"fmt"
	"strings"
	"syscall"
)

// runit has a process for each instance.
type runit struct{}

func (runit) name() string                    { return "runit" }
func (runit) version(tools) (string, error)   { return packaged("runsvdir", "runit") }
func (runit) output(s *session, i int) string { return s.logs(i) }
func (runit) command(s *session) []string     { return []string{"runsvdir", s.file("scan")} }

// quit is runsvdir's way to end each runsv with its child; at TERM they stay.
func (runit) quit() syscall.Signal { return syscall.SIGHUP }

func (runit) limit(string) (int, string) { return 1000, "compiled in: MAXSERVICES of runsvdir.c" }

func (runit) prepare(s *session) error {
	return s.services("svlogd.run", func(v scene) error {
		return s.write(s.file(fmt.Sprintf("out.%d/config", v.I)), "svlogd.config", v, 0o644)
	})
}

// sv waits for up to so many seconds.
func (runit) sv(s *session, verb string) []string {
	return append([]string{"sv", "-w", "120", verb}, s.serviceDirs()...)
}

func (p runit) status(s *session) []string  { return p.sv(s, "status") }
func (p runit) stop(s *session) []string    { return p.sv(s, "down") }
func (p runit) restart(s *session) []string { return p.sv(s, "restart") }
func (runit) running(line string) bool      { return strings.HasPrefix(line, "run: ") }
