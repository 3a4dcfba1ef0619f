//go:build replay

package replay

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func readHost() (reading, error) {
	var texts [3][]byte
	for i, path := range []string{"/proc/meminfo", "/proc/pressure/memory", "/proc/vmstat"} {
		var err error
		if texts[i], err = os.ReadFile(path); err != nil {
			return reading{}, err
		}
	}
	return parseReading(texts[0], texts[1], texts[2])
}

// meter reads the host's numbers and the kernel's log, twice a second.
type meter struct {
	began time.Time
	log   int // /dev/kmsg
	quit  chan struct{}
	gone  sync.WaitGroup

	mu    sync.Mutex
	all   []reading
	kills []kill
	err   error
}

func newMeter(began time.Time) (*meter, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open /dev/kmsg: %v", err)
	}
	if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("cannot go to the end of /dev/kmsg: %v", err)
	}
	m := &meter{began: began, log: fd, quit: make(chan struct{})}
	m.gone.Go(func() {
		for {
			m.look()
			select {
			case <-m.quit:
				m.look()
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
	return m, nil
}

func (m *meter) look() {
	r, err := readHost()
	r.at = time.Since(m.began)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = errors.Join(m.err, err)
	m.all = append(m.all, r)
	for buf := make([]byte, 8192); ; {
		n, err := unix.Read(m.log, buf)
		switch {
		case err == syscall.EPIPE: // records were overwritten: it goes on with the oldest
			continue
		case err == syscall.EAGAIN:
			return
		case err != nil:
			m.err = errors.Join(m.err, err)
			return
		}
		if k, ok := parseKill(string(buf[:n])); ok {
			m.kills = append(m.kills, k)
		}
	}
}

func (m *meter) stop() {
	close(m.quit)
	m.gone.Wait()
	unix.Close(m.log)
}

// newest is the last reading.
func (m *meter) newest() reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[len(m.all)-1]
}

// originKey says where the binary is of which this process runs a copy.
const originKey = "BULKHEAD_REPLAY_ORIGIN"

// elsewhere executes a copy of this binary that is in memory. The programs run the one on the
// disk, whose pages the kernel may take from them; ours are locked.
func elsewhere() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	const to = "/tmp/replay.test"
	if err := os.WriteFile(to, text, 0o755); err != nil {
		return err
	}
	return syscall.Exec(to, os.Args, append(os.Environ(), originKey+"="+self))
}

// apart has this process be no part of the host that it watches: it shall not be killed, not
// wait for its own pages, and not wait for a processor.
func apart() error {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0); err != nil {
		return err
	}
	// Locking what is not there yet would take all that Go has reserved.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("cannot lock memory: %v", err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	var path string
	if _, err := fmt.Sscanf(string(own), "0::%s", &path); err != nil {
		return fmt.Errorf("cannot read /proc/self/cgroup: %v", err)
	}
	return os.WriteFile("/sys/fs/cgroup"+path+"/cpu.weight", []byte("10000"), 0)
}
