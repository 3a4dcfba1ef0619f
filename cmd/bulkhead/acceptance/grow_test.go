package acceptance_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grow is a worker with one job: it takes GROW_STEP bytes of anonymous memory
// every GROW_PAUSE until it has GROW_TO, then waits. A SIGTERM lets it take
// GROW_AFTER steps more, as a job that is finished first, and end with code 0;
// with GROW_DEAF it goes on as if there had been none. GROW_HUGE takes it in huge pages,
// which is quick.
//
// To the file GROW_LOG, if there is one, it appends one line of blank-separated
// numbers at its end: when it crossed GROW_LINE by what its cgroup holds without page cache and
// when its signal handler ran (CLOCK_MONOTONIC, ns), what it held then, 1 once the job
// was finished, and how many bytes a second it took until it crossed.
func grow() {
	g := growth{step: number("GROW_STEP"), to: number("GROW_TO"), line: number("GROW_LINE")}
	pause := time.Duration(number("GROW_PAUSE")) * time.Microsecond
	if g.line > 0 {
		g.current, g.stat = openOwn("memory.current"), openOwn("memory.stat")
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	var asked atomic.Int64
	go func() {
		for range term {
			asked.CompareAndSwap(0, monotonic())
		}
	}()
	deaf := os.Getenv("GROW_DEAF") != ""
	began := monotonic()
	for asked.Load() == 0 || deaf {
		g.more()
		time.Sleep(pause)
	}
	at := g.usage()
	for range number("GROW_AFTER") {
		g.to += g.step
		g.more()
	}
	if path := os.Getenv("GROW_LOG"); path != "" {
		appendLine(path, fmt.Sprintf("%d %d %d 1 %d\n", g.crossed, asked.Load(), at, g.until*int64(time.Second)/max(1, g.crossed-began)))
	}
	os.Exit(0)
}

type growth struct {
	step, to, line int64
	has            int64
	crossed        int64 // when, 0 not yet
	until          int64 // what it had taken then
	current, stat  int   // descriptors of memory.current and memory.stat, 0 not read
}

// more takes one step. The moment of a crossing is the one before the step
// that made it.
func (g *growth) more() {
	if g.has >= g.to {
		return
	}
	before := monotonic()
	m, err := unix.Mmap(-1, 0, int(g.step), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		fail(err)
	}
	if os.Getenv("GROW_HUGE") != "" { // a hint
		_ = unix.Madvise(m, unix.MADV_HUGEPAGE)
	}
	for i := 0; i < len(m); i += 4096 {
		m[i] = 1
	}
	g.has += g.step
	if g.line > 0 && g.crossed == 0 && g.usage() >= g.line {
		g.crossed, g.until = before, g.has-g.step
	}
}

// usage is memory.current, from the line on without page cache, which max_memory does not
// count; 0 where it is not read.
func (g *growth) usage() int64 {
	if g.current == 0 {
		return 0
	}
	v := parse(strings.TrimSpace(readOwn(g.current)))
	if v < g.line {
		return v
	}
	for text := range strings.Lines(readOwn(g.stat)) {
		if n, is := strings.CutPrefix(text, "file "); is {
			return v - parse(strings.TrimSpace(n))
		}
	}
	fail(errors.New("memory.stat does not tell of page cache"))
	return 0
}

func readOwn(fd int) string {
	var b [4096]byte
	n, err := unix.Pread(fd, b[:], 0)
	if err != nil {
		fail(err)
	}
	return string(b[:n])
}

func parse(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fail(err)
	}
	return n
}

// openOwn opens a file of this process' own cgroup.
func openOwn(name string) int {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		fail(err)
	}
	var path string
	if _, err := fmt.Sscanf(string(b), "0::%s", &path); err != nil {
		fail(err)
	}
	fd, err := unix.Open("/sys/fs/cgroup"+path+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fail(err)
	}
	return fd
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		fail(err)
	}
	return ts.Nano()
}

// number reads a number from the environment, 0 when it is not there.
func number(key string) int64 {
	text := os.Getenv(key)
	if text == "" {
		return 0
	}
	return parse(text)
}

// appendLine writes a line at the end of a file, in one write.
func appendLine(path, line string) {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CREAT|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		fail(err)
	}
	if _, err := syscall.Write(fd, []byte(line)); err != nil {
		fail(err)
	}
	syscall.Close(fd)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}
