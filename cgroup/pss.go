package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// sumPss measures processes through /proc/PID/smaps_rollup (Linux 4.14): each
// shared page counts for its share. What cannot be read because it has ended
// counts nothing; when nothing of what still lives can be read, that is an error.
func sumPss(proc string, pids []int) (Reading, error) {
	var r Reading
	var refused error
	read := 0
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	for _, pid := range pids {
		b, err := readWith(unix.AT_FDCWD, proc+"/"+strconv.Itoa(pid)+"/smaps_rollup", buf[:])
		switch {
		case err == nil:
			read++
			parseRollup(b, &r)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		default:
			refused = err
		}
	}
	if read == 0 && refused != nil {
		return Reading{}, fmt.Errorf("cannot measure processes %d: %v", pids, refused)
	}
	r.Current = r.Measure - r.Swap
	r.MeasureFromCurrent = r.Measure
	r.At = time.Now()
	return r, nil
}

// parseRollup adds one smaps_rollup to r.
func parseRollup(b []byte, r *Reading) {
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		kb, rest, ok := leadingInt(bytes.TrimLeft(value, " "))
		if !ok || !bytes.HasPrefix(rest, []byte(" kB")) {
			continue
		}
		n := min(kb, 1<<50) << 10
		switch string(key) {
		case "Pss":
			r.Measure += n
		case "SwapPss":
			r.Measure += n
			r.Swap += n
		case "Pss_Anon": // since Linux 5.9
			r.Anon += n
		case "Pss_Shmem":
			r.Shmem += n
		}
	}
}
