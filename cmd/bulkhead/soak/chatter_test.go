package soak

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chatter is a program that prints numbered lines and keeps a record of its own
// of how far it came. Asked to end by SIGTERM, or after SOAK_LIFE milliseconds, it
// prints a last line and ends. SIGWINCH, which is harmless to a program that does not
// know it yet, makes it print many lines at once.
//
//	SOAK_EVERY   milliseconds between two lines
//	SOAK_STYLE   what its lines are like: see style
//	SOAK_RECORDS the folder of the records
func chatter() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGWINCH)
	signal.Ignore(syscall.SIGPIPE) // a pipe without a reader shall be an error here
	c := newVoice()
	var life <-chan time.Time
	if ms := number("SOAK_LIFE"); ms > 0 {
		life = time.After(time.Duration(ms) * time.Millisecond)
	}
	tick := time.NewTicker(time.Duration(number("SOAK_EVERY")) * time.Millisecond)
	for {
		select {
		case <-tick.C:
			c.say(0)
			if c.record.Tried[0]%4 == 0 {
				c.say(1)
			}
		case s := <-signals:
			if s == syscall.SIGTERM {
				c.end()
			}
			for range burst {
				c.say(0)
			}
		case <-life:
			c.end()
		}
	}
}

// burst is how many lines a SIGWINCH brings.
const burst = 40

// record is a chatter's own account, in a file that is mapped: what it says holds
// even when the chatter is killed. Both streams: stdout, stderr.
type record struct {
	Tried [2]uint64 // lines that were begun
	Done  [2]uint64 // lines that were written to the end
	Ended uint64    // 1: it ended by itself
	Style uint64
}

// voice is a chatter's own state.
type voice struct {
	run    string // PID.STARTTIME
	style  style
	record *record
}

func newVoice() *voice {
	run := fmt.Sprintf("%d.%d", os.Getpid(), startTime(os.Getpid()))
	path := filepath.Join(os.Getenv("SOAK_RECORDS"), os.Getenv("SUPERVISOR_PROCESS_NAME")+"."+run)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	must(err)
	must(f.Truncate(int64(unsafe.Sizeof(record{}))))
	m, err := unix.Mmap(int(f.Fd()), 0, int(unsafe.Sizeof(record{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(err)
	v := &voice{run: run, style: style(number("SOAK_STYLE")), record: (*record)(unsafe.Pointer(&m[0]))}
	v.record.Style = uint64(v.style)
	return v
}

func (v *voice) say(stream int) {
	n := v.record.Tried[stream] + 1
	v.put(stream, v.style.line(stream, v.run, n), v.style.parts(stream, n))
}

// put writes a line, the record before and after it.
func (v *voice) put(stream int, line string, parts int) {
	atomic.AddUint64(&v.record.Tried[stream], 1)
	for rest := parts; rest > 1; rest-- {
		write(1+stream, line[:len(line)/rest])
		line = line[len(line)/rest:]
		time.Sleep(3 * time.Millisecond)
	}
	write(1+stream, line)
	atomic.AddUint64(&v.record.Done[stream], 1)
}

func (v *voice) end() {
	for stream := range 2 {
		v.put(stream, v.style.last(stream, v.run, v.record.Tried[stream]+1), 1)
	}
	atomic.StoreUint64(&v.record.Ended, 1)
	os.Exit(0)
}

// write writes all, as a program with blocking output does.
func write(fd int, text string) {
	for len(text) > 0 {
		n, err := syscall.Write(fd, []byte(text))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			// Its output was promised to be taken: the missing end tells of this.
			os.Exit(9)
		}
		text = text[n:]
	}
}

// style is what a chatter's lines are like.
type style uint64

const (
	alone  style = iota // long lines and lines in two parts: nobody else writes to the file
	shared              // short lines, each in one write: others write to the file too
)

// body is what line n says: the reader knows it as well as the writer.
func (s style) body(stream int, n uint64) string {
	size := 8 + n*7%50
	if s == alone && n%11 == 5 {
		size = 9000 // more than a page, and than what a pipe takes at once
	}
	return strings.Repeat(string(rune('a'+(n+uint64(stream))%26)), int(size))
}

func (s style) line(stream int, run string, n uint64) string {
	return fmt.Sprintf("%d %s %d %s\n", stream, run, n, s.body(stream, n))
}

func (s style) last(stream int, run string, n uint64) string {
	return fmt.Sprintf("%d %s %d %s\n", stream, run, n, lastBody)
}

const lastBody = "THE-END"

func (s style) parts(stream int, n uint64) int {
	if s == alone && n%5 == 3 {
		return 2
	}
	return 1
}

// startTime is when a process was started, in clock ticks since the boot; 0 when
// there is none, or a zombie.
func startTime(pid int) uint64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0
	}
	n, _ := strconv.ParseUint(fields[19], 10, 64)
	return n
}

func number(key string) int {
	n, _ := strconv.Atoi(os.Getenv(key)) // what is not there is 0
	return n
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(8)
	}
}
