package state

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Version of what the documents mean and of the file's form. All versions
// share the header's form: magic word, version, anything, checksum.
const Version = 1

const (
	magic     = "bulkhead-state "
	sumLength = 8 // hexadecimal digits
)

// NewerError: the state was written by a newer version of the program. Nothing
// may be written over it.
type NewerError struct {
	File    string // "" for a stream
	Version int
}

func (e *NewerError) Error() string {
	what := "state"
	if e.File != "" {
		what += " " + strconv.Quote(e.File)
	}
	return fmt.Sprintf("cannot read %s: it has version %d and this program knows versions up to %d; use the newer program, or remove the file", what, e.Version, Version)
}

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// sum is b's CRC-32C as it stands in the file.
func sum(b []byte) []byte {
	return fmt.Appendf(nil, "%0*x", sumLength, crc32.Checksum(b, castagnoli()))
}

// header is the line before and behind a snapshot, with its newline.
func header(bootID string) []byte {
	b := strconv.AppendQuoteToASCII(fmt.Appendf(nil, "%s%d ", magic, Version), bootID)
	return append(append(append(b, ' '), sum(b)...), '\n')
}

// parseHeader reads a header without its newline. A newer version is a
// *NewerError, and only with a right checksum.
func parseHeader(line []byte) (version int, bootID string, err error) {
	at := len(line) - sumLength - 1
	if at < len(magic) || line[at] != ' ' || !bytes.Equal(sum(line[:at]), line[at+1:]) {
		return 0, "", errors.New("damaged header: wrong checksum")
	}
	number, quoted, _ := strings.Cut(string(line[len(magic):at]), " ")
	if version, err = strconv.Atoi(number); err != nil || version < 1 {
		return 0, "", fmt.Errorf("damaged header: version %q", number)
	}
	if version > Version {
		return 0, "", &NewerError{Version: version}
	}
	if bootID, err = strconv.Unquote(quoted); err != nil {
		return 0, "", fmt.Errorf("damaged header: boot id %s", quoted)
	}
	return version, bootID, nil
}

// BootID names this boot of the kernel: /proc/sys/kernel/random/boot_id, made
// anew at every boot. Containers see the host's.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot read boot id: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if id == "" {
		return "", errors.New(`cannot read boot id: "/proc/sys/kernel/random/boot_id" is empty`)
	}
	return id, nil
}
