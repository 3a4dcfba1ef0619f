package faults_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// live goes through a whole life and returns what is wrong with it.
func (n *life) live() []string {
	var found []string
	if err := n.up(); err != nil && !n.over() {
		return []string{"the supervisor does not answer after its start: " + err.Error()}
	} else if err != nil {
		return append(append(n.refused(), n.left()...), n.panicked()...)
	}
	for _, s := range scenario {
		if err := s.do(n); err != nil {
			found = append(found, s.name+": "+err.Error())
			break
		}
	}
	found = append(found, n.end()...)
	found = append(found, n.lines()...)
	return append(found, n.telling()...)
}

// up waits until the supervisor answers.
func (n *life) up() error {
	return n.until(func() bool {
		_, err := n.client.Version(n.ctx())
		return err == nil
	})
}

// refused looks at a supervisor that did not get up.
func (n *life) refused() []string {
	_, stderr := n.log()
	errno := n.calls.struck()
	var found []string
	switch {
	case errno == 0:
		found = append(found, fmt.Sprintf("it did not start, without a fault: %v", n.status))
	case n.status == nil:
		found = append(found, "it ended with status 0 and never was up")
	case !tells(n.calls.want.point, errno, stderr):
		found = append(found, fmt.Sprintf("it did not start (%v) and does not say that %q", n.status, errno.Error()))
	}
	return found
}

// end stops the supervisor as systemd does.
func (n *life) end() []string {
	if n.over() {
		return append([]string{fmt.Sprintf("it ended by itself: %v", n.status)}, n.left()...)
	}
	n.calls.end()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.ended:
	case <-time.After(patience):
		return []string{fmt.Sprintf("it did not end within %v of SIGTERM", patience)}
	}
	var found []string
	if n.status != nil {
		found = append(found, fmt.Sprintf("it ended with %v", n.status))
	}
	return append(found, n.left()...)
}

// endMost is how long what the supervisor has told to end may take after it: its keeper.
const endMost = 5 * time.Second

// left names what a supervisor that has ended should not have left. A
// directory or a socket may stay where it was told why.
func (n *life) left() []string {
	var found []string
	log, stderr := n.log()
	errno := n.calls.struck()
	var rest []proc
	for last := time.Now().Add(endMost); ; time.Sleep(10 * time.Millisecond) {
		if rest = n.processes(true); len(rest) == 0 || time.Now().After(last) {
			break
		}
	}
	for _, p := range rest {
		found = append(found, fmt.Sprintf("left behind: process %d, %s", p.pid, p.name))
	}
	if errno != 0 && n.status == nil && tells(n.calls.want.point, errno, log+stderr) {
		return found
	}
	patterns := []string{"*.sock", ".s*"}
	if untidy.MatchString(n.calls.want.point) {
		patterns = patterns[:1]
	}
	for _, pattern := range patterns {
		for _, path := range must(filepath.Glob(n.path(pattern))) {
			found = append(found, "left behind: "+filepath.Base(path))
		}
	}
	for _, dir := range n.cgroups() {
		found = append(found, "left behind: cgroup "+dir)
	}
	return found
}

func (n *life) panicked() []string {
	log, stderr := n.log()
	for _, text := range []string{"panic", "goroutine ", "fatal error", "internal error", "DATA RACE"} {
		if strings.Contains(log+stderr, text) {
			return []string{fmt.Sprintf("%q in the log", text)}
		}
	}
	return nil
}

// telling says whether the fault became known. Every fault has an error of its
// own, in words that a life without one never says.
func (n *life) telling() []string {
	found := n.panicked()
	errno := n.calls.struck()
	if errno == 0 {
		return found
	}
	log, stderr := n.log()
	if tells(n.calls.want.point, errno, log+stderr+n.heard()) {
		return found
	}
	if _, ok := pardoned(n.calls.want.point, n.calls.late()); ok {
		return found
	}
	return append(found, fmt.Sprintf("nobody was told of %q", errno.Error()))
}

// tells says whether the text tells of a fault.
func tells(point string, errno unix.Errno, text string) bool {
	for _, s := range spoken {
		if s.points.MatchString(point) && strings.Contains(text, s.words) {
			return true
		}
	}
	return strings.Contains(text, errno.Error())
}

var chatLine = regexp.MustCompile(`^line (\d+) (\d+) of chat, with some more text to it$`)

// chat counts the lines of the chat programs' log, with the rotated ones, by
// process and number; odd are those that are no such line.
func (n *life) chat() (seen map[string]map[int]int, odd []string) {
	seen = map[string]map[int]int{}
	for _, path := range must(filepath.Glob(n.path("chat.log*"))) {
		text, _ := os.ReadFile(path) // it may be rotated away meanwhile
		for line := range strings.Lines(string(text)) {
			m := chatLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil {
				odd = append(odd, fmt.Sprintf("%s has the line %q", filepath.Base(path), line))
				continue
			}
			if seen[m[1]] == nil {
				seen[m[1]] = map[int]int{}
			}
			seen[m[1]][must(strconv.Atoi(m[2]))]++
		}
	}
	return seen, odd
}

// lines looks for lines that were written twice, and for lines that were lost:
// what a process has printed last may have been cut off by its end, nothing else.
func (n *life) lines() []string {
	seen, found := n.chat()
	for pid, lines := range seen {
		last := slices.Max(slices.Collect(maps.Keys(lines)))
		for i := range last + 1 {
			switch {
			case lines[i] > 1:
				found = append(found, fmt.Sprintf("line %d of process %s is there %d times", i, pid, lines[i]))
			case lines[i] == 0 && !losing[n.calls.want.point]:
				found = append(found, fmt.Sprintf("line %d of process %s is lost", i, pid))
			}
		}
	}
	if len(seen) == 0 {
		found = append(found, "chat.log is empty")
	}
	return found
}
