package rpc_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/rpc"
)

// fake is a supervisor of fixed processes that writes down what it is told. An instance that is
// to be started is up at once, but the one called "dies".
type fake struct {
	dir string
	set *logs.Set

	mu        sync.Mutex
	processes []rpc.Process
	state     rpc.State
	told      []string
	block     bool // Start waits for the end of its context
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{dir: t.TempDir(), state: rpc.Running}
	f.set = logs.NewSet(os.Stderr)
	started := time.Unix(1700000000, 0)
	for _, p := range []rpc.Process{
		{Group: "cat", Name: "cat", StateName: "RUNNING", State: 20, PID: 4711, Start: started, Description: "pid 4711, uptime 0:10:00"},
		{Group: "dies", Name: "dies", StateName: "STOPPED", Description: "Not started"},
		{Group: "fatal", Name: "fatal", StateName: "FATAL", State: 200, SpawnErr: "Exited too quickly (process log may have details)",
			Description: "Exited too quickly (process log may have details)", Start: started, Stop: started},
		{Group: "gone", Name: "gone", StateName: "STOPPED", Description: "Not started"},
		{Group: "q", Name: "q_00", StateName: "STOPPED", Priority: 2, Start: started, Stop: started, Description: "Nov 14 10:13 PM"},
		{Group: "q", Name: "q_01", StateName: "STOPPED", Priority: 1, Start: started, Stop: started, Description: "Nov 14 10:13 PM"},
	} {
		p.Now = started.Add(10 * time.Minute)
		if p.Name == "cat" {
			p.StdoutLog = filepath.Join(f.dir, "cat.log")
		}
		f.processes = append(f.processes, p)
	}
	f.write(t, "hello\n")
	return f
}

// write makes text the log of cat, and of the supervisor itself.
func (f *fake) write(t *testing.T, text string) {
	t.Helper()
	for _, name := range []string{"cat.log", "main.log"} {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, fmt.Sprintf(format, args...))
}

func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

func (f *fake) About() rpc.About {
	f.mu.Lock()
	defer f.mu.Unlock()
	return rpc.About{Version: "4.2.5", Identifier: "fake", PID: 99, State: f.state}
}

func (f *fake) Processes(context.Context) []rpc.Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.processes)
}

func (f *fake) Groups(context.Context) []string {
	return []string{"cat", "dies", "empty", "fatal", "gone", "q"}
}

func (f *fake) Configs(context.Context) []rpc.Config {
	return []rpc.Config{
		{Group: "q", Name: "q_00", Priority: 2, GroupPriority: 999, UID: -1, Command: "cat", ExitCodes: []int{0, 2}, StopSignal: 15,
			Stdout: rpc.Output{LogFile: "auto", MaxBytes: 4 << 30}},
		{Group: "cat", Name: "cat", InUse: true, AutoStart: true, UID: 1000, Directory: "/tmp", Command: "cat", StartSecs: 1},
	}
}

func (f *fake) Runnable(_ context.Context, name string) error {
	if name == "gone" {
		return &rpc.Fault{Code: rpc.NoFile, Detail: "can't find command 'gone'"}
	}
	return nil
}

func (f *fake) Start(ctx context.Context, names []string, wait bool) ([]rpc.Result, error) {
	f.note("start %s %v", strings.Join(names, " "), wait)
	if f.block {
		<-ctx.Done()
		f.note("start given up")
	}
	return f.each(names, func(p *rpc.Process) rpc.Code {
		switch {
		case p.StateName == "RUNNING":
			return rpc.AlreadyStarted
		case p.Name == "dies":
			return rpc.SpawnError
		}
		p.StateName, p.State, p.PID = "RUNNING", 20, 1234
		p.Description = "pid 1234, uptime 0:00:00"
		return rpc.Success
	}), nil
}

func (f *fake) Stop(_ context.Context, names []string, wait bool) ([]rpc.Result, error) {
	f.note("stop %s %v", strings.Join(names, " "), wait)
	return f.each(names, func(p *rpc.Process) rpc.Code {
		if p.StateName != "RUNNING" {
			return rpc.NotRunning
		}
		p.StateName, p.State, p.PID = "STOPPED", 0, 0
		return rpc.Success
	}), nil
}

func (f *fake) Signal(_ context.Context, names []string, signal string) ([]rpc.Result, error) {
	f.note("signal %s %s", strings.Join(names, " "), signal)
	out := f.each(names, func(p *rpc.Process) rpc.Code {
		switch {
		case signal == "NOPE":
			return rpc.BadSignal
		case p.StateName != "RUNNING":
			return rpc.NotRunning
		}
		return rpc.Success
	})
	for i := range out {
		if out[i].Code == rpc.BadSignal {
			out[i].Detail = signal
		}
	}
	return out, nil
}

func (f *fake) each(names []string, do func(*rpc.Process) rpc.Code) (out []rpc.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range names {
		i := slices.IndexFunc(f.processes, func(p rpc.Process) bool { return p.FullName() == n })
		out = append(out, rpc.Result{Name: n, Code: do(&f.processes[i])})
	}
	return out
}

func (f *fake) Reload(context.Context) (added, changed, removed []string, err error) {
	return []string{"new"}, []string{"cat"}, nil, nil
}

func (f *fake) AddGroup(_ context.Context, group string) error {
	if group == "cat" {
		return &rpc.Fault{Code: rpc.AlreadyAdded, Detail: group}
	}
	f.note("add %s", group)
	return nil
}

func (f *fake) RemoveGroup(_ context.Context, group string) error {
	if group == "cat" {
		return &rpc.Fault{Code: rpc.StillRunning, Detail: group}
	}
	f.note("remove %s", group)
	return nil
}

func (f *fake) UpdateGroup(_ context.Context, group string) error {
	if group != "cat" {
		return &rpc.Fault{Code: rpc.BadName, Detail: group}
	}
	f.note("update %s", group)
	return nil
}

func (f *fake) Shutdown(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = rpc.Shutdown
	return nil
}

func (f *fake) Restart(context.Context) error {
	return &rpc.Fault{Code: rpc.Failed, Detail: "the binary is gone"}
}

func (f *fake) LogFile(_ context.Context, name, channel string) string {
	switch {
	case name == "":
		return filepath.Join(f.dir, "main.log")
	case name == "cat" && channel == "stdout":
		return filepath.Join(f.dir, "cat.log")
	}
	return ""
}

func (f *fake) Clear(_ context.Context, name string) error {
	f.note("clear %q", name)
	return nil
}

func (f *fake) Follow(ctx context.Context, name, channel string, n int64) (rpc.Log, error) {
	return f.set.Follow(ctx, f.LogFile(ctx, name, channel), n)
}

func (f *fake) Write(_ context.Context, name, text string) error {
	if name != "cat" {
		return &rpc.Fault{Code: rpc.NotRunning}
	}
	f.note("write %s %q", name, text)
	return nil
}

func (f *fake) Post(_ context.Context, kind, data string) error {
	f.note("post %s %q", kind, data)
	return nil
}
