package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"bulkhead/cmd/bulkhead/doctor"
	"bulkhead/conf"
	"bulkhead/supervisor/history"
)

// historySince is how much of a history is judged unless told otherwise.
const historySince = 24 * time.Hour

// ownHistory stands for the history of this host's supervisor.
const ownHistory = "of this host"

// diagnosePast judges a recorded history. The path is that of a file, or of a state directory.
func (a *app) diagnosePast(path string, since time.Duration, asJSON bool) error {
	if path == ownHistory {
		path = stateDir()
	}
	log, err := history.Read(path)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; it takes the user that the supervisor runs as", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; bulkhead serve writes one into its state_dir, a line a minute", err)
	}
	if err != nil {
		return err
	}
	past, err := doctor.DiagnosePast(log, since, time.Local)
	if err != nil {
		return err
	}
	if d := past.Silence(time.Now()); d > 0 {
		a.note("this history ends %s ago", d.Round(time.Minute))
	}
	if asJSON {
		err = a.json(past.Document())
	} else {
		err = past.Print(a.out)
	}
	if err == nil && past.Serious() {
		return exitCode(exitGeneric)
	}
	return err
}

// stateDir is that of the configuration that is found, else the usual one.
func stateDir() string {
	if s, err := readSupervisor(""); err == nil {
		return s.StateDir
	}
	env, err := conf.HostEnv()
	if err != nil {
		return "/var/lib/bulkhead"
	}
	return conf.DefaultStateDir(env)
}
