package keeper

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// slim unmaps the pages of the binary that only the start needed; those that
// are used come back from the page cache. A mapping with anonymous pages is
// left alone: a loader has written there (relocations), and it would be lost.
// The binary comes first in the list, so what fits into b will do.
func slim(b []byte) {
	f, err := os.Open("/proc/self/smaps") // none: it stays as it is
	if err != nil {
		return
	}
	n, _ := io.ReadFull(f, b) // it is as long as it is
	f.Close()
	var start, size uintptr
	for line := range bytes.Lines(b[:n]) {
		if s, n, ok := fromFile(string(line)); ok {
			start, size = s, n
		}
		if value, ok := bytes.CutPrefix(line, []byte("Anonymous:")); ok {
			if size > 0 && string(bytes.TrimSpace(value)) == "0 kB" {
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED)
			}
			size = 0
		}
	}
}

// fromFile reads a mapping's first line (proc_pid_maps(5)); size is 0 unless
// it is a file's and not writable. Other lines are not ok.
func fromFile(line string) (start, size uintptr, ok bool) {
	field := strings.Fields(line)
	if len(field) < 5 || len(field[1]) != 4 {
		return 0, 0, false
	}
	low, high, _ := strings.Cut(field[0], "-")
	a, err := strconv.ParseUint(low, 16, 64)
	b, err2 := strconv.ParseUint(high, 16, 64)
	if err != nil || err2 != nil || b < a {
		return 0, 0, false
	}
	if len(field) < 6 || field[5][0] != '/' || field[1][1] == 'w' || field[1][3] != 'p' {
		return 0, 0, true
	}
	return uintptr(a), uintptr(b - a), true
}
