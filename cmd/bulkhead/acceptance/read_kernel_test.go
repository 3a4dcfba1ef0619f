//go:build kernel

package acceptance_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

func init() { roles["read"] = read }

var errEnough = errors.New("enough")

// read is a worker that fills the page cache: READ_ROUNDS times it reads
// READ_BYTES of the files under READ_UNDER, which it first has the kernel
// forget, and after each round appends to READ_LOG how long that took. Then it waits.
func read() {
	var paths []string
	left := number("READ_BYTES")
	err := filepath.WalkDir(os.Getenv("READ_UNDER"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if err != nil || info.Size() < 1<<20 {
			return nil
		}
		paths = append(paths, path)
		if left -= info.Size(); left <= 0 {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		fail(fmt.Errorf("too little to read: %v", err))
	}
	buf := make([]byte, 1<<20)
	for i := range number("READ_ROUNDS") {
		began := time.Now()
		for _, path := range paths {
			readFile(path, buf, i == 0)
		}
		appendLine(os.Getenv("READ_LOG"), time.Since(began).Round(time.Millisecond).String()+"\n")
	}
	for {
		_ = unix.Pause()
	}
}

func readFile(path string, buf []byte, forget bool) {
	f, err := os.Open(path)
	if err != nil {
		fail(err)
	}
	defer f.Close()
	if forget {
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	for {
		if _, err := f.Read(buf); err == io.EOF {
			return
		} else if err != nil {
			fail(err)
		}
	}
}
