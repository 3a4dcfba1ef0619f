package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// The guest's answer, in the folder answerDir of the results share: the
// command's output, a pulse, and at the end one status.
const (
	answerDir  = ".guest"
	outputFile = "output"
	pulseFile  = "pulse"
	statusFile = "status" // appears whole, by rename
)

// answer is how the command ended, or why it never ran.
type answer struct {
	Status int
	Error  string
}

func (a answer) exit() (int, error) {
	if a.Error != "" {
		return a.Status, fmt.Errorf("%s", a.Error)
	}
	return a.Status, nil
}

func readAnswer(path string) (answer, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return answer{}, false
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return answer{Status: exitLane, Error: fmt.Sprintf("cannot read the answer %q: %v", b, err)}, true
	}
	return a, true
}

func (a answer) write(path string) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// follower passes a growing file on.
type follower struct {
	path string
	to   io.Writer
	file *os.File
}

// copy passes on what has been added since the last call.
func (f *follower) copy() error {
	if f.file == nil {
		file, err := os.Open(f.path)
		if err != nil {
			return nil // not begun yet
		}
		f.file = file
	}
	if _, err := io.Copy(f.to, f.file); err != nil {
		return fmt.Errorf("cannot pass on the output: %v", err)
	}
	return nil
}

// pulse watches the guest's sign of life, a file whose text changes.
type pulse struct {
	path    string
	silence time.Duration // how long it may stay the same
	text    string
	at      time.Time // of the last change, or of the start
}

func newPulse(path string, silence time.Duration, now time.Time) *pulse {
	return &pulse{path: path, silence: silence, at: now}
}

// stopped reports whether the file has not changed for too long.
func (p *pulse) stopped(now time.Time) bool {
	if now.Sub(p.at) < heartbeat { // too early to ask
		return false
	}
	if b, err := os.ReadFile(p.path); err == nil && string(b) != p.text {
		p.text, p.at = string(b), now
	}
	return now.Sub(p.at) > p.limit()
}

func (p *pulse) limit() time.Duration {
	if p.text == "" {
		return bootLimit
	}
	return p.silence
}
