package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// makeDir makes dir, and what is missing above it with 0755. A directory that
// is there stays as it is.
func makeDir(k kernel, dir string, mode uint32) error {
	err := k.mkdir(dir, mode)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDir(k, parent, 0o755); err != nil {
			return err
		}
		err = k.mkdir(dir, mode)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, bad := os.Stat(dir); bad == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("cannot make directory %q: %w", dir, err)
	}
	return nil
}
