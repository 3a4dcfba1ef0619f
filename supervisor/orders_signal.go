package supervisor

import (
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

func (l *loop) orderSignal(in *instance, o control.Order) ticket {
	p := in.prog.conf
	var sig syscall.Signal
	what := "signalled"
	switch o.Verb {
	case "pause":
		sig, what = p.PauseSignal, "paused"
	case "resume":
		sig, what = p.ResumeSignal, "resumed"
	default:
		if sig = signalNamed(o.Signal); sig == 0 {
			return refused(in, control.BadSignal, fmt.Sprintf("no signal is called %q", o.Signal))
		}
	}
	if sig == 0 {
		return refused(in, control.Failed, fmt.Sprintf("preset %q has no %s signal: set %s_signal", p.Preset, o.Verb, o.Verb))
	}
	r := in.state.Cur
	if !r.Live() || in.facts(r.N).pid == 0 {
		return refused(in, control.NotRunning, "")
	}
	if o.Verb == "pause" && r.Phase != programs.Running {
		return refused(in, control.Failed, "it is still starting: a worker that has not booted would die of the signal")
	}
	l.edge.signal(ref{in, r.N}, sig, false)
	switch what {
	case "paused":
		in.paused = r.N
	case "resumed":
		in.paused = 0
	}
	l.changed[in], l.stale[in] = true, true
	return done(in, what)
}

// signalNamed takes "TERM", "sigterm" or "15"; 0 when there is no such signal.
func signalNamed(name string) syscall.Signal {
	if n, err := strconv.Atoi(name); err == nil {
		if unix.SignalName(syscall.Signal(n)) == "" {
			return 0
		}
		return syscall.Signal(n)
	}
	upper := []byte(name)
	for i, c := range upper {
		if 'a' <= c && c <= 'z' {
			upper[i] = c - 'a' + 'A'
		}
	}
	if s := unix.SignalNum(string(upper)); s != 0 {
		return s
	}
	return unix.SignalNum("SIG" + string(upper))
}
