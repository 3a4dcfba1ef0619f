package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

// newLogger writes the supervisor's own log: to its file, rotated as the
// programs' are, or to standard error. The returned function writes what is
// left and ends it.
func newLogger(c conf.Supervisor, set *logs.Set) (*zap.Logger, func(), error) {
	level, err := zapcore.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot use log level %q: %v", c.LogLevel, err)
	}
	var out io.Writer = os.Stderr
	closeOut := func() error { return nil }
	if c.LogFile != "" && c.LogFile != "-" {
		sink, err := set.Open(logs.Target{Path: c.LogFile, MaxBytes: int64(c.LogFileMaxBytes), Backups: c.LogFileBackups})
		if err != nil {
			return nil, nil, err
		}
		out, closeOut = sink, sink.Close
	}
	if c.LogStyle == styleSupervisord && c.LogFile != "" && c.Foreground && !c.Silent {
		out = io.MultiWriter(out, os.Stdout)
	}
	enc := encoding(c.LogStyle)
	lines := newLineWriter(out)
	end := func() {
		lines.end()
		closeOut()
	}
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(enc), lines, level)), end, nil
}

// encoding is how a line looks.
func encoding(style string) zapcore.EncoderConfig {
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	enc.EncodeLevel = zapcore.CapitalLevelEncoder
	enc.ConsoleSeparator = " "
	if style == styleSupervisord {
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05,000")
		enc.EncodeLevel = func(l zapcore.Level, to zapcore.PrimitiveArrayEncoder) { to.AppendString(levelCode(l)) }
	}
	return enc
}

// levelCode is supervisord's name of a level (loggers.py).
func levelCode(l zapcore.Level) string {
	switch {
	case l < zapcore.InfoLevel:
		return "DEBG"
	case l == zapcore.InfoLevel:
		return "INFO"
	case l == zapcore.WarnLevel:
		return "WARN"
	case l == zapcore.ErrorLevel:
		return "ERRO"
	}
	return "CRIT"
}

// lineWriter writes on a goroutine of its own, so that a log that cannot be
// written (a full or stuck disk, a terminal that was stopped) never holds up
// the loop. Behind a stuck one it keeps lineMost lines, then counts what it drops.
type lineWriter struct {
	lines   chan []byte
	dropped atomic.Int64
	stop    chan struct{}
	done    chan struct{}
}

const (
	lineMost = 4096
	// endMost is how long the end of the supervisor waits for its last lines.
	endMost = 2 * time.Second
)

func newLineWriter(out io.Writer) *lineWriter {
	w := &lineWriter{lines: make(chan []byte, lineMost), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(out)
	return w
}

func (w *lineWriter) run(out io.Writer) {
	defer close(w.done)
	for {
		select {
		case line := <-w.lines:
			w.put(out, line)
		case <-w.stop:
			for len(w.lines) > 0 {
				w.put(out, <-w.lines)
			}
			return
		}
	}
}

func (w *lineWriter) put(out io.Writer, line []byte) {
	if n := w.dropped.Swap(0); n > 0 {
		fmt.Fprintf(out, "%d lines of this log were dropped: they could not be written in time\n", n)
	}
	_, _ = out.Write(line) // a sink counts and tells its losses itself
}

func (w *lineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

func (w *lineWriter) Sync() error { return nil }

// end writes what is left, if that can be done. What comes later is lost.
func (w *lineWriter) end() {
	close(w.stop)
	select {
	case <-w.done:
	case <-time.After(endMost):
	}
}
