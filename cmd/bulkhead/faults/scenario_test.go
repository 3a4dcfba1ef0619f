package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bulkhead/supervisor/control"
)

// chatLines is how many lines a life of a chat program prints.
const chatLines = 40

// programs has three programs with five instances. chat's log rotates within
// one life of it; note speaks to the notify socket; jobs are counted of plain,
// which has a second process that outlives the first.
const programs = `
[supervisor]
socket            = "%[1]s/b.sock"
state_dir         = "%[1]s/state"
log_file          = "%[1]s/main.log"
log_level         = "debug"
log_file_maxbytes = "8K"
log_file_backups  = 9
environment       = { FAULTS_MARK = "%[2]s" }

[programs.chat]
numprocs                = 2
process_name            = "chat_%%(process_num)02d"
command                 = ["/bin/sh", "-c", 'i=0; while [ $i -lt %[4]d ]; do echo "line $$ $i of chat, with some more text to it"; i=$((i+1)); done; exec sleep 1000']
startsecs               = 0
redirect_stderr         = true
stdout_logfile          = "%[1]s/chat.log"
stdout_logfile_maxbytes = "2K"
stdout_logfile_backups  = 40
recycle                 = { min_lifetime = 0 }

[programs.note]
command        = ["%[3]s"]
environment    = { %[5]s = "note" }
notify         = true
startsecs      = "20s"
stdout_logfile = "%[1]s/note.log"
stderr_logfile = "%[1]s/note.err"

[programs.plain]
numprocs        = 2
process_name    = "plain_%%(process_num)02d"
command         = ["/bin/sh", "-c", 'sleep 1000 & echo "job 1 done"; exec sleep 1000']
startsecs       = 0
job_pattern     = 'job \d+ done'
redirect_stderr = true
stdout_logfile  = "%[1]s/plain.log"
`

// more is what an update adds.
const more = `
[programs.late]
command        = ["/bin/sleep", "1000"]
startsecs      = 0
stdout_logfile = "none"
stderr_logfile = "none"
`

func (n *life) configure(updated bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.path("state"), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(programs, n.dir, n.mark, self, chatLines, roleKey)
	if updated {
		text += more
	}
	return os.WriteFile(n.path("b.toml"), []byte(text), 0o644)
}

var firstFive = []string{"chat:chat_00", "chat:chat_01", "note:note", "plain:plain_00", "plain:plain_01"}

// step is a part of a life; its error is a finding.
type step struct {
	name string
	do   func(n *life) error
}

// scenario is what every life goes through once it is up.
var scenario = []step{
	{"first starts", func(n *life) error { return n.settle(firstFive) }},
	{"printed", (*life).printed},
	{"readers", (*life).read},
	{"crash", (*life).crash},
	{"after the crash", func(n *life) error { return n.settle(firstFive) }},
	{"stop", func(n *life) error { return n.order(control.Order{Verb: "stop", Names: []string{"plain:plain_01"}}) }},
	{"stopped", func(n *life) error { return n.gone("plain:plain_01") }},
	{"start", func(n *life) error { return n.order(control.Order{Verb: "start", Names: []string{"all"}}) }},
	{"started", func(n *life) error { return n.settle(firstFive) }},
	{"restart", func(n *life) error { return n.order(control.Order{Verb: "restart", Names: []string{"note"}}) }},
	{"restarted", func(n *life) error { return n.settle(firstFive) }},
	{"recycle", func(n *life) error {
		return n.order(control.Order{Verb: "recycle", Names: []string{"chat:chat_00"}, NoWait: true})
	}},
	{"recycled", func(n *life) error { return n.settle(firstFive) }},
	{"signal", func(n *life) error {
		return n.order(control.Order{Verb: "signal", Names: []string{"all"}, Signal: "WINCH"})
	}},
	{"scale up", func(n *life) error { return n.order(control.Order{Verb: "scale", Names: []string{"plain"}, Count: 3}) }},
	{"scaled up", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "plain:plain_02")) }},
	{"scale down", func(n *life) error { return n.order(control.Order{Verb: "scale", Names: []string{"plain"}, Count: 2}) }},
	{"scaled down", func(n *life) error { return n.settle(firstFive) }},
	{"update", (*life).update},
	{"updated", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "late:late")) }},
	{"reopen", func(n *life) error { return n.cmd.Process.Signal(syscall.SIGUSR2) }},
	{"clear", func(n *life) error { return n.order(control.Order{Verb: "clear", Names: []string{"plain:plain_00"}}) }},
	{"kill", func(n *life) error {
		return n.order(control.Order{Verb: "stop", Names: []string{"plain:plain_00"}, Now: true})
	}},
	{"start again", func(n *life) error { return n.order(control.Order{Verb: "start", Names: []string{"all"}}) }},
	{"at last", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "late:late")) }},
	{"printed again", (*life).printed},
	{"supervisor killed", (*life).killed},
	{"taken over", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "late:late")) }},
	{"print after the crash", (*life).speak},
	{"upgrade", (*life).upgrade},
	{"after the upgrade", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "late:late")) }},
	{"print after the upgrade", (*life).speak},
	{"another crash", (*life).crash},
	{"after it", func(n *life) error { return n.settle(append(slices.Clone(firstFive), "late:late")) }},
	{"printed for the last time", (*life).printed},
	{"why", (*life).ask},
}

func (n *life) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// tries is how often something is asked before a refusal is a finding: one
// fault may make one of them fail.
const tries = 3

// order gives an order until it is done. What is refused is kept as told.
func (n *life) order(o control.Order) error {
	var problem error
	for range tries {
		outcomes, err := n.client.Do(n.ctx(), o)
		problem = err
		for _, r := range outcomes {
			switch r.Fault {
			case control.NoFault, control.AlreadyStarted, control.NotRunning:
			default:
				problem = errors.Join(problem, fmt.Errorf("%s: %s %s", r.Name, r.Fault, r.Detail))
			}
		}
		if problem == nil {
			return nil
		}
		n.hear(problem.Error())
	}
	return fmt.Errorf("%s %s, asked %d times: %v", o.Verb, o.Names, tries, problem)
}

// crash kills a worker and waits for its successor.
func (n *life) crash() error {
	const name = "plain:plain_00"
	pid := n.pidOf(name)
	if pid == 0 {
		return fmt.Errorf("%s has no process", name)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	if err := n.until(func() bool { return n.pidOf(name) != pid }); err != nil {
		return fmt.Errorf("%s was killed and is still there: %v", name, err)
	}
	return nil
}

func (n *life) pidOf(name string) int {
	for _, p := range n.processes(false) {
		if p.name == name && p.main {
			return p.pid
		}
	}
	return 0
}

// printed waits until every line of the chat programs that run is in their log.
func (n *life) printed() error {
	if losing[n.calls.want.point] {
		return nil
	}
	var pids []string
	for _, p := range n.processes(false) {
		if p.name == "chat:chat_00" || p.name == "chat:chat_01" {
			pids = append(pids, strconv.Itoa(p.pid))
		}
	}
	missing := ""
	err := n.until(func() bool {
		seen, _ := n.chat()
		missing = ""
		for _, pid := range pids {
			if len(seen[pid]) < chatLines {
				missing = fmt.Sprintf("of process %s there are %d lines of %d", pid, len(seen[pid]), chatLines)
			}
		}
		return missing == ""
	})
	if err != nil {
		return fmt.Errorf("%v: %s", err, missing)
	}
	return nil
}

// speak has note print a line more, and waits until that is in its log. A
// fault of that very write may cost the line, but not the next.
func (n *life) speak() error {
	pid := n.pidOf("note:note")
	if pid == 0 {
		return errors.New("note has no process")
	}
	before := n.calls.struck()
	err := n.said(pid)
	if err == errLost && before == 0 {
		err = n.said(pid)
	}
	return err
}

// errLost: the fault came, and it was one that costs the line.
var errLost = errors.New("the line is lost")

func (n *life) said(pid int) error {
	n.spoken[pid]++
	line := noteLine(pid, n.spoken[pid]) + "\n"
	before := n.calls.struck()
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		return err
	}
	count, lost := 0, false
	err := n.until(func() bool {
		lost = losing[n.calls.want.point] && before == 0 && n.calls.struck() != 0
		text, _ := os.ReadFile(n.path("note.log")) // there as soon as it is read
		count = strings.Count(string(text), line)
		return count > 0 || lost
	})
	switch {
	case count == 0 && lost:
		return errLost
	case err == nil && count > 1:
		err = fmt.Errorf("it is there %d times", count)
	}
	if err != nil {
		return fmt.Errorf("%q: %v", line, err)
	}
	return nil
}

// gone waits until an instance has no process.
func (n *life) gone(name string) error {
	none := func() bool {
		return !slices.ContainsFunc(n.processes(false), func(p proc) bool { return p.name == name })
	}
	if err := n.until(none); err != nil {
		return fmt.Errorf("%s was stopped and is still there: %v", name, err)
	}
	return nil
}

// killed kills the supervisor; the next takes over what runs: not one process
// is another afterwards.
func (n *life) killed() error {
	before := n.processes(false)
	_ = n.cmd.Process.Kill()
	<-n.ended
	return n.succeed(before)
}

// succeed starts the next supervisor. A fault may keep it from starting, if it
// says so.
func (n *life) succeed(before []proc) error {
	for range tries {
		if err := n.start(); err != nil {
			return err
		}
		if err := n.up(); err == nil {
			return n.same(before)
		} else if found := n.refused(); len(found) > 0 {
			return fmt.Errorf("the next supervisor: %v: %s", err, strings.Join(found, "; "))
		}
	}
	return fmt.Errorf("the next supervisor did not start, tried %d times", tries)
}

// upgrade has the supervisor execute its file again. What fails there after
// the exec is a crash.
func (n *life) upgrade() error {
	before := n.processes(false)
	problem := n.order(control.Order{Verb: "upgrade"})
	err := n.up()
	switch {
	case n.over():
		if found := n.refused(); len(found) > 0 {
			return fmt.Errorf("%v: %s", err, strings.Join(found, "; "))
		}
		return n.succeed(before)
	case problem != nil:
		return problem
	case err != nil:
		return err
	}
	return n.same(before)
}

// same says whether the programs' processes are still those.
func (n *life) same(before []proc) error {
	now := n.processes(false)
	pids := func(all []proc) []int {
		var out []int
		for _, p := range all {
			out = append(out, p.pid)
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(pids(before), pids(now)) {
		return fmt.Errorf("the processes were %v and are %v", before, now)
	}
	return nil
}

// update adds a program to the config.
func (n *life) update() error {
	if err := n.configure(true); err != nil {
		return err
	}
	return n.order(control.Order{Verb: "update"})
}

// read follows the events and a log for the rest of the life, as clients do.
func (n *life) read() error {
	go func() {
		err := n.client.Events(context.Background(), 0, true, func(e control.Event) error {
			n.hear(e.Message)
			return nil
		})
		if err != nil {
			n.hear(err.Error())
		}
	}()
	go func() {
		r, err := n.client.Tail(context.Background(), "chat:chat_00", "stdout", 100, true)
		if err != nil {
			n.hear(err.Error())
			return
		}
		defer r.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			n.hear(err.Error())
		}
	}()
	return nil
}

// ask is what a person asks who wants to know what has happened.
func (n *life) ask() error {
	return n.again(func() error {
		all, _, err := n.client.History(n.ctx(), "all")
		if err != nil {
			return err
		}
		for _, h := range all {
			for _, r := range h.Reasons {
				n.hear(r.Detail)
			}
		}
		r, err := n.client.Tail(n.ctx(), "", "", 10<<10, false)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	})
}

func (n *life) again(do func() error) error {
	var err error
	for range tries {
		if err = do(); err == nil {
			return nil
		}
		n.hear(err.Error())
	}
	return err
}
