package logs

import (
	"errors"
	"log/syslog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fakeSyslog takes lines while it has room.
type fakeSyslog struct {
	lines chan string
	fail  error
}

func (f *fakeSyslog) Info(line string) error {
	if f.fail != nil {
		return f.fail
	}
	f.lines <- line
	return nil
}

func (f *fakeSyslog) Close() error { return nil }

func TestSyslogLines(t *testing.T) {
	f := &fakeSyslog{lines: make(chan string, 100)}
	s := newSyslog(func() (lineSender, error) { return f, nil })
	l := s.Lines("web_00")
	for _, chunk := range []string{"one\ntw", "o\n\n", "\n", strings.Repeat("x", syslogLineMost) + "y\n"} {
		l.put([]byte(chunk))
	}
	if _, err := s.Write([]byte("own\nlog\n")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	close(f.lines)
	var got []string
	for line := range f.lines {
		got = append(got, line)
	}
	want := []string{"web_00 one", "web_00 two", "web_00 " + strings.Repeat("x", syslogLineMost), "web_00 y", "own", "log"}
	if !slices.Equal(got, want) {
		t.Errorf("got %.40q, want %.40q", got, want)
	}
}

// TestSyslogNeverBlocks: with one that takes nothing, writers lose lines and no time.
func TestSyslogNeverBlocks(t *testing.T) {
	f := &fakeSyslog{lines: make(chan string)}
	s := newSyslog(func() (lineSender, error) { return f, nil })
	const more = 10
	for range syslogQueue + 1 + more {
		s.Line("x")
	}
	if lost := s.Lost(); lost < more || lost > more+1 { // one may be in its hands
		t.Errorf("%d lines are lost", lost)
	}
	go func() {
		for range f.lines {
		}
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(f.lines)
}

func TestSyslogTellsOfLoss(t *testing.T) {
	fail := errors.New("nobody there")
	f := &fakeSyslog{lines: make(chan string, 1)}
	tries := 0
	s := &Syslog{dial: func() (lineSender, error) {
		tries++
		if tries == 1 {
			return nil, fail
		}
		return f, nil
	}}
	var lost []int64
	var told []error
	s.OnTrouble = func(n int64, err error) { lost, told = append(lost, n), append(told, err) }
	c := sender{s: s}
	c.send("1") // refused
	c.send("2") // not tried so soon
	c.again = c.again.Add(-syslogAgain)
	c.send("3")
	if got := <-f.lines; got != "3" {
		t.Errorf("sent %q", got)
	}
	if !slices.Equal(lost, []int64{0, 2}) || !errors.Is(told[0], fail) || told[1] != nil || s.Lost() != 2 {
		t.Errorf("told %v %v", lost, told)
	}
}

// TestSyslogOnTheWire: a datagram per line, as syslog(3) sends it.
func TestSyslogOnTheWire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	s := newSyslog(func() (lineSender, error) {
		return syslog.Dial("unixgram", path, syslog.LOG_USER|syslog.LOG_INFO, "tag")
	})
	s.Lines("web_00").put([]byte("one\n"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1000)
	n, err := daemon.Read(got)
	if want := regexp.MustCompile(`^<14>.* tag\[\d+\]: web_00 one\n$`); err != nil || !want.Match(got[:n]) {
		t.Errorf("got %q, %v", got[:n], err)
	}
}
