package likeness_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

const (
	crowd     = 100  // clients at once
	instances = 1000 // of testdata/crowd/supervisord.conf
)

// TestCrowd lets many clients ask ours for all of many instances at once.
func TestCrowd(t *testing.T) {
	t.Parallel()
	d := start(t, ours(t), "crowd")
	d.play(nil, []step{{line: "wait *=RUNNING", Kind: "wait", States: map[string]string{"*": "RUNNING"}}})
	errs := make([]error, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() { errs[i] = d.hasAll() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// hasAll asks for all processes on a connection of its own.
func (d *daemon) hasAll() error {
	text, err := d.ask("getAllProcessInfo")
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte("<name>statename</name>")); n != instances {
		return fmt.Errorf("%d instances, want %d", n, instances)
	}
	return nil
}

// ask calls a method without parameters.
func (d *daemon) ask(method string) ([]byte, error) {
	c := d.http()
	defer c.CloseIdleConnections()
	body := strings.Replace(askState, "getState", method, 1)
	answer, err := c.Post("http://localhost/RPC2", "text/xml", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("HTTP status %s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}

const (
	flood   = 256 << 20 // bytes that the program prints
	growMax = 64 << 20  // bytes that the daemon may grow by
)

// TestSlowReader opens a stream of a log and reads none of it, while the program
// prints much more than a daemon may keep for one reader. All is written, others
// are answered, and the daemon does not grow.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	d := start(t, ours(t), "slow")
	before := d.resident()
	conn, err := net.Dial("unix", d.path("sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /logtail/flood HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	// The stream is there; from here on nobody reads it.
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 200 OK"))); err != nil {
		t.Fatal(err)
	}
	d.play(theirs.supervisorctl(), script(t, "slow/script.txt"))
	info, err := os.Stat(d.path("flood.log"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < flood {
		t.Errorf("%d bytes were written of %d", info.Size(), flood)
	}
	if grown := d.resident() - before; grown > growMax {
		t.Errorf("the daemon grew by %d bytes for a reader that does not read, want at most %d", grown, growMax)
	}
}

// resident is the daemon's resident memory in bytes.
func (d *daemon) resident() int {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		d.t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
