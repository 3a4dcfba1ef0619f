package logs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// heard is what an outlet tells.
type heard struct {
	mu       sync.Mutex
	output   bytes.Buffer
	captured []string
}

func (h *heard) outlet(sink *Sink, f *Filter) Outlet {
	return Outlet{Sink: sink, Filter: f,
		OnOutput: func(chunk []byte) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.output.Write(chunk)
		},
		OnCaptured: func(data []byte) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.captured = append(h.captured, string(data))
		},
	}
}

func (h *heard) check(t *testing.T, output string, captured ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.output.String() != output || !slices.Equal(h.captured, captured) {
		t.Errorf("told %q %q, want %q %q", h.output.String(), h.captured, output, captured)
	}
}

// letOut starts a stream, or goes on with it.
func letOut(t *testing.T, s *Streams, again bool, o Outlet) (*Pump, *os.File) {
	t.Helper()
	id := StreamID{"program", "instance", 1, "stdout"}
	var st *Stream
	var err error
	var w *os.File
	if again {
		st, err = s.Reopen(id)
	} else {
		var fd int
		st, fd, err = s.Make(id)
		w = os.NewFile(uintptr(fd), "w")
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := st.StartTo(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, w
}

func stopPump(p *Pump) {
	p.Close()
	<-p.Done()
}

func logContent(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOutlet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	set := NewSet(nil)
	sink, err := set.Open(Target{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	var h heard
	p, w := letOut(t, streams(t, filepath.Join(t.TempDir(), "run")), false, h.outlet(sink, &Filter{StripANSI: true, Capture: 100}))
	defer stopPump(p)
	defer w.Close()
	fmt.Fprint(w, "plain\n", "\x1b[31mred\x1b[0m\n"+captureBegin+"caught"+captureEnd+"after\n", "prompt <!-")
	if !p.Drain(soon) {
		t.Fatal("the drain takes for ever")
	}
	const want = "plain\nred\nafter\nprompt <!-"
	if got := logContent(t, path); got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
	h.check(t, want, "caught")
}

// TestOutletWithoutALog: captures and events are there for output that is thrown away too.
func TestOutletWithoutALog(t *testing.T) {
	var h heard
	p, w := letOut(t, streams(t, filepath.Join(t.TempDir(), "run")), false, h.outlet(nil, &Filter{Capture: 100}))
	defer stopPump(p)
	defer w.Close()
	fmt.Fprint(w, "a"+captureBegin+"b"+captureEnd+"c\n")
	p.Drain(soon)
	h.check(t, "ac\n", "b")
}

// TestOutletGoesOn: a successor finds what was not decided.
func TestOutletGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	sink, err := NewSet(nil).Open(Target{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	s := streams(t, filepath.Join(t.TempDir(), "run"))
	full := "one\n\x1b[31mtwo\x1b[0m\n" + captureBegin + "three" + captureEnd + "four\n"
	var h heard
	p, w := letOut(t, s, false, h.outlet(sink, &Filter{StripANSI: true, Capture: 100}))
	for i := range full { // a life for each byte
		fmt.Fprint(w, full[i:i+1])
		stopPump(p)
		p, _ = letOut(t, s, true, h.outlet(sink, &Filter{StripANSI: true, Capture: 100}))
	}
	p.Drain(soon)
	defer stopPump(p)
	defer w.Close()
	if got := logContent(t, path); got != "one\ntwo\nfour\n" {
		t.Errorf("logged %q", got)
	}
	h.check(t, "one\ntwo\nfour\n", "three")
}

// TestOutletSharesAFile: lines of filtered streams stay whole as well.
func TestOutletSharesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	sink, err := NewSet(nil).Open(Target{Path: path, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	p, w := letOut(t, streams(t, filepath.Join(t.TempDir(), "run")), false, Outlet{Sink: sink, Filter: &Filter{StripANSI: true}})
	defer stopPump(p)
	defer w.Close()
	for i := range 100 {
		fmt.Fprintf(w, "\x1b[3%dmline", i%8)
		fmt.Fprintf(w, " %d\x1b[0m\n", i)
	}
	p.Drain(soon)
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	if got := logContent(t, path); got != want.String() {
		t.Errorf("logged %q", got)
	}
}
