package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// rotate is supervisord's RotatingFileHandler.doRollover: path.N-1 becomes
// path.N down to path, which becomes path.1, and an empty file is opened;
// without backups the file is truncated in place. A missing backup takes up the
// one before it, and those behind it stay: a kill between two renames leaves such a
// gap, and costs no backup. When it fails the file keeps
// growing, and rotation is tried again a MaxBytes later.
func (f *file) rotate() *told {
	// Somebody else may have truncated the file: ask before believing our own sum.
	info, err := f.w.Stat()
	if err == nil && info.Size() < f.target.MaxBytes {
		f.size = info.Size()
		return nil
	}
	if err == nil {
		err = f.shift()
	}
	if err == nil {
		f.rotated = true
		return nil
	}
	f.size = 0
	if !f.rotated {
		return nil
	}
	f.rotated = false
	return &told{0, fmt.Errorf("cannot rotate log file %q: %v", f.path, cause(err))}
}

func (f *file) shift() error {
	if f.target.Backups <= 0 {
		if err := f.w.Truncate(0); err != nil {
			return err
		}
		f.size = 0
		f.epoch.Add(1)
		return nil
	}
	last := 1
	for ; last < f.target.Backups; last++ {
		if _, err := os.Lstat(f.backup(last)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for n := last; n >= 1; n-- {
		if err := os.Rename(f.backup(n-1), f.backup(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if f.set.at != nil {
			f.set.at("shifted")
		}
	}
	return f.open()
}

// backup names the nth rotated file; the 0th is the log itself.
func (f *file) backup(n int) string {
	if n == 0 {
		return f.path
	}
	return f.path + "." + strconv.Itoa(n)
}
