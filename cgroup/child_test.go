package cgroup

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the processes that the tests need: PHP and
// shells are not on every machine.
func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv("CGROUP_TEST_CHILD"); ok {
		if err := child(strings.Fields(what)); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(99)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testName keeps the tests out of the tree of a supervisor that really runs here.
const testName = "bulkhead-test"

// keepAlive holds what grow has allocated.
var keepAlive [][]byte

func child(words []string) error {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		arg := func() int {
			n, _ := strconv.Atoi(words[0])
			words = words[1:]
			return n
		}
		switch word {
		case "exit":
			os.Exit(arg())
		case "sleep":
			time.Sleep(time.Hour)
		case "grow": // MiB, one by one
			for range arg() {
				b := make([]byte, 1<<20)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
				keepAlive = append(keepAlive, b)
			}
		case "withchild": // a process beside that does nothing
			if err := again("sleep").Start(); err != nil {
				return err
			}
		case "withdaemon": // one in a session of its own
			cmd := again("sleep")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				return err
			}
		case "say":
			fmt.Println(words[0])
			words = words[1:]
		case "readfiles":
			return readFiles(int64(arg()) << 20)
		case "bomb":
			signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			for {
				again("bomb").Start()
				time.Sleep(20 * time.Millisecond)
			}
		case "open":
			return reportOpen()
		default:
			return fmt.Errorf("what is %q", word)
		}
	}
	return nil
}

func again(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"CGROUP_TEST_CHILD=" + what, "GOMAXPROCS=1"}
	return cmd
}

// readFiles reads installed files into the page cache, large ones: a shared
// file system opens slowly.
func readFiles(want int64) error {
	var got int64
	err := filepath.WalkDir("/usr", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() < 1<<20 {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		// What is in the cache already is charged to whoever read it first.
		syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, 4 /* POSIX_FADV_DONTNEED */, 0, 0)
		n, _ := io.Copy(io.Discard, f)
		if got += n; got > want {
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && got < want {
		err = fmt.Errorf("found only %d bytes of files", got)
	}
	return err
}

// reportOpen opens a tree where this process happens to be and tells.
func reportOpen() error {
	tree, err := Open(Options{Name: testName})
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n%s\n%s\n", tree.Mode(), tree.Path(), tree.Controllers(), tree.Why())
	if tree.Mode() == None {
		return nil
	}
	p, err := tree.Program("queue")
	if err != nil {
		return err
	}
	r, err := p.NewRun("queue", 1, Limits{MemoryMax: 64 << 20, MemorySwapMax: Unlimited})
	if err != nil {
		return err
	}
	fd, err := r.PressureTrigger(true, 100*time.Millisecond, time.Second) // 1 s: not for the unprivileged
	if err != nil {
		return err
	}
	syscall.Close(fd)
	cmd := again("sleep")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: r.FD()}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := r.Kill(); err != nil {
		return err
	}
	cmd.Wait()
	for {
		if err := r.Remove(); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return p.Remove()
}
