package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// services makes the service directories that s6 and runit have in common: a
// link to the worker as run, which finds what it needs in the environment, and
// with output to keep a logger beside it.
func (s *session) services(logger string, also func(v scene) error) error {
	for i := range s.n {
		dir := s.service(i)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Symlink(s.tools.worker, filepath.Join(dir, "run")); err != nil {
			return err
		}
		if s.bytes == 0 {
			continue
		}
		v := s.scene()
		v.I = i
		if err := s.write(filepath.Join(dir, "log", "run"), logger, v, 0o755); err != nil {
			return err
		}
		if err := also(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) service(i int) string { return s.file(fmt.Sprintf("scan/w%d", i)) }

func (s *session) serviceDirs() []string {
	dirs := make([]string, s.n)
	for i := range dirs {
		dirs[i] = s.service(i)
	}
	return dirs
}

// logs are the files in a logger's directory: the one that is written and those
// that were rotated.
func (s *session) logs(i int) string { return s.file(fmt.Sprintf("out.%d/[c@]*[^g]", i)) }
