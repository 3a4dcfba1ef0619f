package xmlrpc

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// charset reads the encodings that older clients declare, in UTF-8.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin-1", "latin1":
		return &latin1{in: bufio.NewReader(in)}, nil
	}
	return nil, fmt.Errorf("unknown encoding %q", label)
}

// latin1 reads ISO 8859-1, whose bytes are the first 256 characters of Unicode.
type latin1 struct {
	in   *bufio.Reader
	rest []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		b, err := l.in.ReadByte()
		if err != nil {
			return 0, err
		}
		l.rest = []byte(string(rune(b)))
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
