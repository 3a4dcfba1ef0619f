package logs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// StreamID names one output of one run.
type StreamID struct {
	Program, Instance string // any bytes
	Run               uint64
	Channel           string // "stdout" or "stderr"
}

// String is for messages.
func (id StreamID) String() string {
	return fmt.Sprintf("%s of %s:%s, run %d", id.Channel, id.Program, id.Instance, id.Run)
}

func (id StreamID) check() error {
	if id.Channel != "stdout" && id.Channel != "stderr" {
		return fmt.Errorf("channel %q is neither stdout nor stderr", id.Channel)
	}
	if len(id.Program)+len(id.Instance) > namesMost {
		return fmt.Errorf("the names are longer than %d bytes together", namesMost)
	}
	return nil
}

// fileMost is what a file name may have (NAME_MAX, limits.h).
const fileMost = 255

// fileName is the FIFO's: "program+instance+run.stdout", each byte but letters,
// digits, "-", "_" and "." as %XX. A name too long for a file is a hash of
// itself; then only the books know whose it is.
func (id StreamID) fileName() string {
	name := escape(id.Program) + "+" + escape(id.Instance) + "+" + strconv.FormatUint(id.Run, 10) + "." + id.Channel
	if len(name) <= fileMost {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "+" + hex.EncodeToString(sum[:]) + "." + id.Channel
}

var errForeign = errors.New("not the name of a stream")

// parseFileName is the inverse of fileName, except for a hash.
func parseFileName(name string) (StreamID, error) {
	dot := strings.LastIndexByte(name, '.')
	parts := strings.Split(name[:max(dot, 0)], "+")
	if len(parts) != 3 {
		return StreamID{}, errForeign
	}
	program, err1 := unescape(parts[0])
	instance, err2 := unescape(parts[1])
	run, err3 := strconv.ParseUint(parts[2], 10, 64)
	id := StreamID{program, instance, run, name[dot+1:]}
	if err1 != nil || err2 != nil || err3 != nil || id.check() != nil || id.fileName() != name {
		return StreamID{}, errForeign
	}
	return id, nil
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			return "", errForeign
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errForeign
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}
