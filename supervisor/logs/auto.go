package logs

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// Auto is the family of logs that one supervisor names and makes itself, as supervisord does:
// PROCESS-CHANNEL---IDENTIFIER-RANDOM.log in Dir, readable for its owner alone.
type Auto struct {
	Dir        string
	Identifier string
}

// Key names the log of a process's channel: it is how the file's name begins. full is the
// process's full name, which tells two of the same name apart.
func (a Auto) Key(full, process, channel string) string {
	h := fnv.New32a()
	h.Write([]byte(full))
	return fmt.Sprintf("%s-%s---%s-%08x", process, channel, a.Identifier, h.Sum32())
}

// Make makes a log.
func (a Auto) Make(key string) (path string, err error) {
	f, err := os.CreateTemp(a.Dir, key+"*.log") // 0600 and O_EXCL
	if err != nil {
		return "", fmt.Errorf("cannot make a log file in %q: %w", a.Dir, cause(err))
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("cannot make log file %q: %w", f.Name(), cause(err))
	}
	return f.Name(), nil
}

// Present returns the logs that there are, by their keys.
func (a Auto) Present() (map[string]string, error) {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read log directory %q: %w", a.Dir, cause(err))
	}
	name := regexp.MustCompile(`^(.+---` + regexp.QuoteMeta(a.Identifier) + `-[0-9a-f]{8})\d+\.log$`)
	paths := make(map[string]string)
	for _, e := range entries {
		if m := name.FindStringSubmatch(e.Name()); m != nil && ours(e) {
			paths[m[1]] = filepath.Join(a.Dir, e.Name())
		}
	}
	return paths, nil
}

// ours says that nobody else has put the file into a directory that all may write to.
func ours(e fs.DirEntry) bool {
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// Remove removes the logs of an earlier supervisor of the same identifier with their
// rotated files, but for those in keep and theirs. It returns what it could not remove.
func (a Auto) Remove(keep map[string]bool) error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return fmt.Errorf("cannot read log directory %q: %w", a.Dir, cause(err))
	}
	name := regexp.MustCompile(`^(.+---` + regexp.QuoteMeta(a.Identifier) + `-[^\s-]+\.log)(\.\d{1,4})?$`)
	var errs []error
	for _, e := range entries {
		m := name.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() || keep[filepath.Join(a.Dir, m[1])] {
			continue
		}
		path := filepath.Join(a.Dir, e.Name())
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("cannot remove log file %q: %w", path, cause(err)))
		}
	}
	return errors.Join(errs...)
}
