package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Loaded is what was found.
type Loaded struct {
	Documents map[string]json.RawMessage
	BootID    string // of the boot in which it was written; "" when there was no state, or none whose header is sound
	Version   int    // of the writer; 0 when there was no state, or none whose header is sound

	// Problems say what was not sound, each with its file and line: a torn
	// tail, damaged lines, a snapshot cut short, an unreadable file. What is
	// sound is in Documents all the same; a document of a damaged line has the
	// value that it had before, or is missing, or is back from its deletion.
	Problems []error
}

// Load reads the state in dir. No state is no problem. The only error is a
// *NewerError; dir must not be given to [Open] then.
func Load(dir string) (Loaded, error) {
	path := filepath.Join(dir, stateFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Loaded{Documents: map[string]json.RawMessage{}}, nil
	}
	if err != nil {
		return Loaded{Documents: map[string]json.RawMessage{}, Problems: []error{fmt.Errorf("cannot read state: %w", err)}}, nil
	}
	defer f.Close()
	return decode(f, path)
}

// Decode reads what [Encode] wrote. The only error is a *NewerError; all else
// that is wrong is in Problems.
func Decode(r io.Reader) (Loaded, error) { return decode(r, "") }

func decode(r io.Reader, file string) (Loaded, error) {
	d := decoder{name: "state", file: file, loaded: Loaded{Documents: map[string]json.RawMessage{}}}
	if file != "" {
		d.name += " " + strconv.Quote(file)
	}
	lines := lineReader{r: bufio.NewReaderSize(r, 64<<10)}
	for end := false; !end; {
		var line []byte
		var err error
		line, end, err = lines.next()
		if line == nil && err == nil { // the end, and a newline before it
			break
		}
		d.number++
		if err != nil {
			d.problem(err)
		} else if err := d.line(line, end); err != nil {
			return Loaded{}, err
		}
	}
	d.finish()
	return d.loaded, nil
}

// decoder is one file as it is read.
type decoder struct {
	name    string // for problems
	file    string
	loaded  Loaded
	number  int // of the line, from 1
	headers int // sound ones
	untold  int // problems beyond maxProblems
}

// maxProblems are told one by one; a file of anything else has a million.
const maxProblems = 20

func (d *decoder) problem(err error) {
	if len(d.loaded.Problems) >= maxProblems {
		d.untold++
		return
	}
	d.loaded.Problems = append(d.loaded.Problems, fmt.Errorf("%s line %d: %w", d.name, d.number, err))
}

// line takes in one line; torn when the file ends without its newline. A torn
// line whose checksum is right lacks nothing but that, and counts.
func (d *decoder) line(line []byte, torn bool) error {
	var damage error
	if bytes.HasPrefix(line, []byte(magic)) {
		damage = d.header(line)
		if newer, ok := errors.AsType[*NewerError](damage); ok {
			newer.File = d.file
			return newer
		}
	} else {
		var key string
		var value json.RawMessage
		if key, value, damage = parseLine(line); damage == nil && value == nil {
			delete(d.loaded.Documents, key)
		} else if damage == nil {
			d.loaded.Documents[key] = value
		}
	}
	switch {
	case torn:
		d.problem(fmt.Errorf("torn: the file ends within %s", excerpt(line)))
	case damage != nil:
		d.problem(damage)
	}
	return nil
}

func (d *decoder) header(line []byte) error {
	version, boot, err := parseHeader(line)
	if err != nil {
		return err
	}
	d.headers++
	if d.headers == 1 {
		d.loaded.Version, d.loaded.BootID = version, boot
	} else if boot != d.loaded.BootID {
		return fmt.Errorf("damaged header: boot id %q, and %q before", boot, d.loaded.BootID)
	}
	return nil
}

// finish finds what only the end shows.
func (d *decoder) finish() {
	switch {
	case d.number == 0:
		d.loaded.Problems = append(d.loaded.Problems, fmt.Errorf("%s: torn: the file is empty", d.name))
	case d.headers == 0:
		d.loaded.Problems = append(d.loaded.Problems, fmt.Errorf("%s: no sound header", d.name))
	case d.headers == 1 && len(d.loaded.Problems) == 0:
		// With other problems the second header may be what is damaged.
		d.problem(errors.New("torn: the file ends within the snapshot"))
	}
	if d.untold > 0 {
		d.loaded.Problems = append(d.loaded.Problems, fmt.Errorf("%s: %d more problems", d.name, d.untold))
	}
}

// lineReader cuts a stream into lines of at most maxLine bytes.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
}

// next is the next line without its newline, valid until the next call. With
// end the stream ended before a newline came; nil when it ended at once. The
// error is the stream's, at its end, or says that the line is too long.
func (l *lineReader) next() (line []byte, end bool, err error) {
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(l.buf)+len(part) > maxLine; !long {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && err != io.EOF:
			return nil, true, fmt.Errorf("cannot read: %w", err)
		case long:
			return nil, err == io.EOF, fmt.Errorf("damaged: longer than %d bytes", maxLine)
		case err == io.EOF && len(l.buf) == 0:
			return nil, true, nil
		}
		return bytes.TrimSuffix(l.buf, []byte("\n")), err == io.EOF, nil
	}
}
