package supervisor

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// styleSupervisord is the log style whose lines are supervisord's.
const styleSupervisord = "supervisord"

// critical is supervisord's CRIT. zap's own level of that rank panics in development
// builds only, and none of ours is one.
const critical = zapcore.DPanicLevel

// logLine is a line of the log in supervisord's words (4.2.5, process.py).
type logLine struct {
	level zapcore.Level
	text  string
}

// inSupervisordsWords says what a change of state is in the lines that people look for
// in supervisord's log. Names go without their group there.
func inSupervisordsWords(p *conf.Program, name string, old, next programs.State, pidOf func(run uint64) int, reason func() string) []logLine {
	var out []logLine
	say := func(level zapcore.Level, format string, args ...any) {
		out = append(out, logLine{level, fmt.Sprintf(format, args...)})
	}
	for _, r := range []programs.Run{next.Cur, next.Side} {
		was := runOf(old, r.N)
		switch {
		case !r.Live() || r.Phase == was.Phase:
		case was.Phase == programs.Spawning:
			say(zapcore.InfoLevel, "spawned: '%s' with pid %d", name, pidOf(r.N))
		case r.Phase == programs.Stopping:
			say(zapcore.InfoLevel, "waiting for %s to stop", name)
		case r.Phase == programs.Killing:
			say(zapcore.WarnLevel, "killing '%s' (%d) with SIGKILL", name, pidOf(r.N))
		}
		if r.Phase == programs.Running && was.Phase != programs.Running {
			say(zapcore.InfoLevel, "success: %s entered RUNNING state, process has stayed up for > than %d seconds (startsecs)", name, int(p.StartSecs/time.Second))
		}
	}
	passed := programs.Passed(old, next)
	if r := next.Last; r != old.Last && r.Kind == programs.KindSpawnFailed {
		say(zapcore.InfoLevel, "spawnerr: %s", reason())
	} else if r != old.Last {
		out = append(out, endLine(p, name, r, passed))
		if why := reason(); why != "" {
			say(zapcore.WarnLevel, "%s: %s", name, why)
		}
	}
	if slices.Contains(passed, programs.FATAL) {
		say(zapcore.InfoLevel, "gave up: %s entered FATAL state, too many start retries too quickly", name)
	}
	return out
}

// endLine tells the end of a run.
func endLine(p *conf.Program, name string, r programs.Reason, passed []programs.Public) logLine {
	how := exitWords(r.Exit)
	expected := r.Exit.Signal == 0 && !r.Exit.Unknown && slices.Contains(p.ExitCodes, r.Exit.Code)
	level := zapcore.WarnLevel
	if expected {
		level = zapcore.InfoLevel
	}
	switch {
	case slices.Contains(passed, programs.STOPPED):
		return logLine{level, fmt.Sprintf("stopped: %s (%s)", name, how)}
	case r.Kind == programs.KindRecycled && r.Asked != programs.AskedNothing:
		return logLine{zapcore.InfoLevel, fmt.Sprintf("recycled: %s (%s; %s)", name, how, r.Why)}
	case expected && r.Up:
		return logLine{level, fmt.Sprintf("exited: %s (%s; expected)", name, how)}
	}
	return logLine{zapcore.WarnLevel, fmt.Sprintf("exited: %s (%s; not expected)", name, how)}
}

// exitWords are supervisord's decode_wait_status.
func exitWords(x programs.Exit) string {
	switch {
	case x.Unknown:
		return "exit status unknown"
	case x.Signal == 0:
		return fmt.Sprintf("exit status %d", x.Code)
	}
	name := unix.SignalName(syscall.Signal(x.Signal))
	if name == "" {
		name = fmt.Sprintf("signal %d", x.Signal)
	}
	if x.Core {
		return "terminated by " + name + " (core dumped)"
	}
	return "terminated by " + name
}

// toldInOtherWords are the kinds of events that supervisord's lines tell already.
func toldInOtherWords(kind string) bool {
	switch kind {
	case "state", "ready", "stopping", "ended":
		return true
	}
	return false
}

// logAsSupervisord writes a change of state to the log in its words.
func (l *loop) logAsSupervisord(in *instance, old, next programs.State) {
	pid := func(run uint64) int { return in.facts(run).pid }
	for _, line := range inSupervisordsWords(in.prog.conf, in.conf.Name, old, next, pid, func() string { return moreThanAnExit(in) }) {
		l.log.Log(line.level, line.text)
	}
}

// moreThanAnExit is what supervisord could not have known of the last end.
func moreThanAnExit(in *instance) string {
	switch r := in.reasons[0]; r.Kind {
	case "spawn_failed":
		return cmp.Or(r.SpawnErr, r.Detail)
	case "oom_killed", "host_oom_killed", "unhealthy":
		return r.Words()
	case "killed":
		if words := r.Words(); words == control.JobTimeout {
			return words
		}
	}
	return ""
}

// greetAsSupervisord are the lines that supervisord's log begins with.
func greetAsSupervisord(log *zap.Logger, config *conf.Config, told, warned []string) {
	c := config.Supervisor
	if c.User == nil && os.Geteuid() == 0 {
		log.Log(critical, "Supervisor is running as root.  Privileges were not dropped because no user is specified in the config file.  "+
			"If you intend to run as root, you can set user=root in the config file to avoid this message.")
	}
	for _, line := range warned {
		log.Warn(line)
	}
	for _, file := range config.Files[1:] {
		log.Info(fmt.Sprintf("Included extra file \"%s\" during parsing", file))
	}
	for _, line := range told {
		log.Info(line)
	}
	for _, s := range append([]conf.Server{{Network: "unix", Auth: c.Auth}}, c.Servers...) {
		kind := "unix_http_server"
		if s.Network != "unix" {
			kind = "inet_http_server"
		}
		log.Info("RPC interface 'supervisor' initialized")
		if s.Auth == (conf.Auth{}) {
			log.Log(critical, fmt.Sprintf("Server '%s' running without any HTTP authentication checking", kind))
		}
	}
}
