package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// jobLog is what the workers of one program wrote about their jobs.
type jobLog struct {
	started []string // in order
	done    map[string]bool
}

// readJobLog reads a program's log.
func readJobLog(path string) (jobLog, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return jobLog{}, fmt.Errorf("cannot read the jobs' log: %v", err)
	}
	return parseJobLog(string(text)), nil
}

func parseJobLog(text string) jobLog {
	l := jobLog{done: map[string]bool{}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line) // date, time, class, pid/number, dots, ...
		if len(f) < 6 {
			continue
		}
		job := f[2] + " " + f[3]
		switch f[len(f)-1] {
		case "RUNNING":
			l.started = append(l.started, job)
		case "DONE":
			l.done[job] = true
		}
	}
	return l
}

// cut are the jobs that were begun and never done.
func (l jobLog) cut() []string {
	var cut []string
	for _, job := range l.started {
		if !l.done[job] {
			cut = append(cut, job)
		}
	}
	return cut
}

// last is the last job of a process, "" when it began none.
func (l jobLog) last(pid int) string {
	mark := fmt.Sprintf(" %d/", pid)
	for _, job := range slices.Backward(l.started) {
		if strings.Contains(job, mark) {
			return job
		}
	}
	return ""
}
