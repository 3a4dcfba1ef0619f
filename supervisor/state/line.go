package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxLine bounds a line: a file full of anything else must not fill the memory.
const maxLine = 16 << 20

// marshal is v as the store keeps and writes it: compact JSON, "" for what
// deletes its key.
func marshal(key string, v any) (string, error) {
	if v == nil {
		return "", nil
	}
	if !utf8.ValidString(key) {
		return "", fmt.Errorf("cannot store %q: the key is not UTF-8", key)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("cannot store %q: %w", key, err)
	}
	if n := len(key)*6 + len(b) + 64; n > maxLine { // 6: a key of nothing but escapes
		return "", fmt.Errorf("cannot store %q: %d bytes are more than a line may have (%d)", key, n, maxLine)
	}
	if string(b) == "null" {
		return "", nil
	}
	return string(b), nil
}

// appendLine appends the change "key has value" ("": is deleted), with newline.
func appendLine(dst []byte, key, value string) []byte {
	name, _ := json.Marshal(key) // a string always can be
	start := len(dst)
	dst = append(append(dst, "00000000 "...), `{"k":`...)
	dst = append(dst, name...)
	if value != "" {
		dst = append(append(dst, `,"v":`...), value...)
	}
	dst = append(dst, '}')
	copy(dst[start:], sum(dst[start+sumLength+1:]))
	return append(dst, '\n')
}

// parseLine reads a change without its newline; value is nil when key is deleted.
func parseLine(line []byte) (key string, value json.RawMessage, err error) {
	if len(line) < sumLength+1 || line[sumLength] != ' ' {
		return "", nil, fmt.Errorf("damaged: %s is no change", excerpt(line))
	}
	body := line[sumLength+1:]
	if want := sum(body); !bytes.Equal(want, line[:sumLength]) {
		return "", nil, fmt.Errorf("damaged: the checksum of %s is %s, not %q", excerpt(body), want, line[:sumLength])
	}
	var change struct {
		K *string         `json:"k"`
		V json.RawMessage `json:"v"`
	}
	if err := json.Unmarshal(body, &change); err != nil {
		return "", nil, fmt.Errorf("damaged: %w", err)
	}
	if change.K == nil {
		return "", nil, errors.New("damaged: no key")
	}
	if string(change.V) == "null" {
		change.V = nil
	}
	return *change.K, change.V, nil
}

// excerpt is enough of line to find out what it was.
func excerpt(line []byte) string {
	const most = 80
	if len(line) > most {
		return strconv.QuoteToASCII(string(line[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(line))
}
