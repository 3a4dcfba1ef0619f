package logs

import (
	"fmt"
	"io"
)

// Tail returns the last n bytes of the log at path, fewer when it is shorter.
// Rotated files are not looked at. A missing file is an fs.ErrNotExist.
func Tail(path string, n int64) ([]byte, error) {
	r, err := openRead(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read log file %q: %w", path, cause(err))
	}
	n = max(0, min(n, info.Size()))
	p := make([]byte, n)
	got, err := r.ReadAt(p, info.Size()-n)
	if err != nil && err != io.EOF { // EOF: it has just been truncated
		return nil, fmt.Errorf("cannot read log file %q: %w", path, cause(err))
	}
	return p[:got], nil
}
