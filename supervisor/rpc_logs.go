package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/rpc"
)

// stdinMost is how long a program may take to read what is sent to it.
const stdinMost = 5 * time.Second

func (w wireSide) LogFile(_ context.Context, name, channel string) string {
	path := ""
	if name == "" {
		path = w.d.mainLog()
	} else if v, err := w.view(name); err == nil {
		path = v.StdoutLog
		if channel == "stderr" {
			path = v.StderrLog
		}
	}
	if path == "-" {
		return "" // nobody can read what has been printed there
	}
	return path
}

func (w wireSide) Clear(ctx context.Context, name string) error {
	if name == "" {
		return w.d.logs.Clear(w.LogFile(ctx, "", "stdout"))
	}
	v, err := w.view(name)
	if err != nil {
		return err
	}
	for _, o := range w.d.clear(control.WithoutNote(ctx), []string{v.Group + ":" + v.Name}) {
		if o.Fault != control.NoFault {
			return &rpc.Fault{Code: rpc.Failed, Detail: o.Detail}
		}
	}
	return nil
}

func (w wireSide) Follow(ctx context.Context, name, channel string, n int64) (rpc.Log, error) {
	if name != "" {
		v, err := w.view(name)
		if err != nil {
			return nil, err
		}
		name = v.Group + ":" + v.Name
	}
	log, f, err := w.d.Tail(ctx, name, channel, n, true)
	if err == nil && f != control.NoFault {
		err = &rpc.Fault{Code: rpc.CodeNamed(string(f))}
	}
	if err != nil {
		return nil, err
	}
	followed, ok := log.(rpc.Log)
	if !ok {
		log.Close()
		return nil, fmt.Errorf("cannot follow the log of %q: it has no positions", name)
	}
	return followed, nil
}

// writer is a live run that can be written to.
type writer interface {
	write(ctx context.Context, text []byte) error
}

func (w wireSide) Write(ctx context.Context, name, text string) error {
	v, err := w.view(name)
	if err != nil {
		return err
	}
	run, ok := v.live.(writer)
	if v.PID == 0 || v.State == "STOPPING" {
		return &rpc.Fault{Code: rpc.NotRunning}
	}
	if !ok {
		return &rpc.Fault{Code: rpc.NoFile}
	}
	ctx, cancel := context.WithTimeout(ctx, stdinMost)
	defer cancel()
	err = run.write(ctx, []byte(text))
	if errors.Is(err, fs.ErrClosed) {
		return &rpc.Fault{Code: rpc.NoFile}
	}
	return err
}

// write sends text to the run's standard input; one that has none, or has closed it, is fs.ErrClosed.
func (p *process) write(ctx context.Context, text []byte) error {
	if p.input == nil {
		return fs.ErrClosed
	}
	return p.input.send(ctx, text)
}

func (w wireSide) Post(_ context.Context, kind, data string) error {
	w.d.loop.post(remoteComm{kind, data})
	return nil
}
