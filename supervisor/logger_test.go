package supervisor

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

// gate is a writer that stands still until it is opened.
type gate struct {
	open chan struct{}
	text bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.text.Write(p)
}

func TestLogOfAStuckDiskHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := newLineWriter(g)
		put := func(n int) {
			for i := range n {
				line := fmt.Appendf(nil, "line %d\n", i)
				if size, err := w.Write(line); size != len(line) || err != nil {
					t.Fatalf("%d, %v", size, err)
				}
				clear(line) // the caller's buffer is the caller's: zap uses it again
			}
		}
		put(1)
		synctest.Wait() // the writer has it, and stands still
		put(lineMost + 7)
		if n := w.dropped.Load(); n != 7 {
			t.Errorf("%d lines dropped, want 7", n)
		}
		close(g.open)
		synctest.Wait()
		put(1)
		w.end()
		got := strings.Split(strings.TrimSpace(g.text.String()), "\n")
		if len(got) != 1+1+lineMost+1 {
			t.Fatalf("%d lines", len(got))
		}
		if got[0] != "line 0" || got[1] != "7 lines of this log were dropped: they could not be written in time" ||
			got[2] != "line 0" || got[len(got)-1] != "line 0" {
			t.Errorf("%q … %q", got[:3], got[len(got)-1])
		}
	})
}

func TestLogEndWritesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := newLineWriter(g)
		for range 100 {
			w.Write([]byte("x"))
		}
		time.AfterFunc(time.Second, func() { close(g.open) })
		w.end()
		if g.text.Len() != 100 {
			t.Errorf("%d of 100 lines written", g.text.Len())
		}
		w.Write([]byte("late")) // lost, and nobody waits for it
	})
}

func TestLogEndDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := newLineWriter(g)
		w.Write([]byte("x"))
		start := time.Now()
		w.end()
		if d := time.Since(start); d != endMost {
			t.Errorf("waited %v, want %v", d, endMost)
		}
		close(g.open)
	})
}

func TestNewLogger(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "own.log")
	log, end, err := newLogger(conf.Supervisor{LogLevel: "info", LogFile: path}, logs.NewSet(nil))
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not told")
	log.Info("told", zap.String("name", "queue"))
	log.Warn("warned")
	end()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ INFO told \{"name": "queue"\}$`)
	if len(lines) != 2 || !want.MatchString(lines[0]) || !strings.HasSuffix(lines[1], " WARN warned") {
		t.Errorf("%q", lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeType != 0 {
		t.Errorf("%v %v", info, err)
	}
}

func TestNewLoggerRefuses(t *testing.T) {
	for _, tt := range []struct {
		c    conf.Supervisor
		want string
	}{
		{conf.Supervisor{LogLevel: "chatty"}, `cannot use log level "chatty"`},
		{conf.Supervisor{LogLevel: "info", LogFile: "/nowhere/own.log"}, `cannot open log file "/nowhere/own.log": no such file or directory`},
	} {
		_, _, err := newLogger(tt.c, logs.NewSet(nil))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.c, err, tt.want)
		}
	}
}
