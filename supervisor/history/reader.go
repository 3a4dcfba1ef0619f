package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// lineMost is how long a line may be; what is longer is none.
const lineMost = 1 << 20

// Log is a history that was read.
type Log struct {
	Lines []Line // in the order they were written
	Bad   int    // lines that are none: torn, or another's
	Why   string // what is wrong with the first of them; "" for none
}

// Read reads a history: of a directory both files, the older one first, else the file alone.
// Lines that are none are counted and passed over; a history without a single line is an error.
func Read(path string) (Log, error) {
	var l Log
	st, err := os.Stat(path)
	if err != nil {
		return l, fmt.Errorf("cannot read a history: %w", err)
	}
	if !st.IsDir() {
		err = l.readFile(path)
	} else if err = l.readFile(filepath.Join(path, older)); err == nil || errors.Is(err, fs.ErrNotExist) {
		err = l.readFile(filepath.Join(path, newer))
		if errors.Is(err, fs.ErrNotExist) && len(l.Lines) > 0 {
			err = nil // it was rotated a moment ago
		}
	}
	switch {
	case err != nil:
		return Log{}, fmt.Errorf("cannot read a history: %w", err)
	case len(l.Lines) == 0 && l.Bad > 0:
		return Log{}, fmt.Errorf("cannot read a history: %q is none: %s", path, l.Why)
	case len(l.Lines) == 0:
		return Log{}, fmt.Errorf("cannot read a history: %q is empty", path)
	}
	return l, nil
}

func (l *Log) readFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.IsDir() {
		return fmt.Errorf("%q is no file", path)
	}
	if err := l.read(f, path); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

// read adds the lines of r.
func (l *Log) read(r io.Reader, name string) error {
	b := bufio.NewReaderSize(r, 64<<10)
	var text []byte
	for n := 1; ; n++ {
		text = text[:0]
		tooLong := false
		var err error
		for {
			var part []byte
			part, err = b.ReadSlice('\n')
			if len(text)+len(part) > lineMost {
				tooLong = true
			} else {
				text = append(text, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if err != nil && err != io.EOF {
			return err
		}
		l.add(bytes.TrimSpace(text), tooLong, name, n)
		if err == io.EOF {
			return nil
		}
	}
}

func (l *Log) add(text []byte, tooLong bool, name string, n int) {
	if len(text) == 0 && !tooLong {
		return
	}
	line, err := parse(text)
	if tooLong {
		err = fmt.Errorf("it is longer than %d bytes", lineMost)
	}
	if err == nil {
		l.Lines = append(l.Lines, line)
		return
	}
	if l.Bad++; l.Bad == 1 {
		l.Why = fmt.Sprintf("line %d of %q: %v", n, name, err)
	}
}
