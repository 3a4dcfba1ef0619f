package conf

import (
	"os"
	"path/filepath"
)

// logChecker holds the rules for log files across all programs.
type logChecker struct {
	res   *resolver
	dirs  map[string]*fault // answers of the file system
	files map[string]logUse
}

type logUse struct {
	target LogTarget
	at     place
}

func newLogChecker(res *resolver) *logChecker {
	return &logChecker{res: res, dirs: map[string]*fault{}, files: map[string]logUse{}}
}

func (l *logChecker) program(p Program) {
	for _, in := range p.Instances {
		l.check(p.src.at, "stdout_logfile", in.Stdout)
		l.check(p.src.at, "stderr_logfile", in.Stderr)
	}
}

// check reports a directory that does not exist, which supervisord refuses
// too, and warns of one file with two ways of rotating it.
func (l *logChecker) check(table place, key string, t LogTarget) {
	at := table.at(key)
	if t.Path == "" || t.Path == "-" || t.Path == Auto || l.res.bad[at.key()] {
		return
	}
	if f := l.directory(filepath.Dir(t.Path)); f != nil {
		l.res.problem(at, faultf(f.hint, "cannot log to %q: %s", t.Path, f.message))
		return
	}
	if info, err := os.Stat(t.Path); err == nil && info.IsDir() {
		l.res.problem(at, faultf("write the path of a file", "cannot log to %q: it is a directory", t.Path))
		return
	}
	first, ok := l.files[t.Path]
	if !ok {
		l.files[t.Path] = logUse{t, at}
		return
	}
	if first.target.MaxBytes != t.MaxBytes || first.target.Backups != t.Backups {
		l.res.warn(at, faultf("give both the same _maxbytes and _backups, or two files",
			"%q would be rotated in two ways: at %v with %d backups here, at %v with %d for %s (%s)", t.Path,
			t.MaxBytes, t.Backups, first.target.MaxBytes, first.target.Backups, first.at.key(), first.at.pos()))
	}
}

func (l *logChecker) directory(dir string) *fault {
	f, known := l.dirs[dir]
	if known {
		return f
	}
	if info, err := os.Stat(dir); err != nil {
		f = faultf("create it: mkdir -p "+dir, "the directory %q cannot be used: %v", dir, cause(err))
	} else if !info.IsDir() {
		f = faultf("write a path in a directory", "%q is not a directory", dir)
	}
	l.dirs[dir] = f
	return f
}
