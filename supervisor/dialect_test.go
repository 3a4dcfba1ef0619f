package supervisor

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"bulkhead/conf"
	"bulkhead/programs"
)

// TestSupervisordsWords tells the lives of instances in supervisord's lines (4.2.5).
func TestSupervisordsWords(t *testing.T) {
	exit := func(code int) programs.Exit { return programs.Exit{Code: code} }
	killed := programs.Exit{Code: -1, Signal: 9}
	for _, c := range []struct {
		name   string
		change func(*conf.Program)
		events []programs.Event
		want   string
	}{
		{"up and stopped", nil, []programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.Ready{Run: 1}, programs.Stop{}, programs.MainExited{Run: 1, Exit: exit(0)}},
			`INFO spawned: 'cat' with pid 101
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
INFO waiting for cat to stop
INFO stopped: cat (exit status 0)`},
		{"does not stop", nil, []programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.Ready{Run: 1}, programs.Stop{Now: true}, programs.MainExited{Run: 1, Exit: killed}},
			`INFO spawned: 'cat' with pid 101
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
WARN killing 'cat' (101) with SIGKILL
WARN stopped: cat (terminated by SIGKILL)
WARN cat: why`},
		{"given up", func(p *conf.Program) { p.StartRetries = 0 }, []programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.MainExited{Run: 1, Exit: exit(0)}},
			`INFO spawned: 'cat' with pid 101
WARN exited: cat (exit status 0; not expected)
INFO gave up: cat entered FATAL state, too many start retries too quickly`},
		{"cannot be started", func(p *conf.Program) { p.StartRetries = 1 }, []programs.Event{programs.Start{}, programs.SpawnFailed{Run: 1}},
			`INFO spawnerr: why`},
		{"ended as expected, and again", func(p *conf.Program) { p.AutoRestart = conf.RestartAlways; p.StartRetries = 3 },
			[]programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.Ready{Run: 1}, programs.MainExited{Run: 1, Exit: exit(2)}, programs.Spawned{Run: 2}},
			`INFO spawned: 'cat' with pid 101
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
INFO exited: cat (exit status 2; expected)
INFO spawned: 'cat' with pid 102`},
		{"crashed", func(p *conf.Program) { p.AutoRestart = conf.RestartNever },
			[]programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.Ready{Run: 1}, programs.MainExited{Run: 1, Exit: programs.Exit{Code: -1, Signal: 11, Core: true}}},
			`INFO spawned: 'cat' with pid 101
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
WARN exited: cat (terminated by SIGSEGV (core dumped); not expected)`},
		{"recycled, replacement first", nil,
			[]programs.Event{programs.Start{}, programs.Spawned{Run: 1}, programs.Ready{Run: 1}, programs.RecycleNow{Why: programs.Requested}, programs.Admit{Overlap: true},
				programs.Spawned{Run: 2}, programs.Ready{Run: 2}, programs.MainExited{Run: 1, Exit: exit(0)}},
			`INFO spawned: 'cat' with pid 101
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
INFO spawned: 'cat' with pid 102
INFO success: cat entered RUNNING state, process has stayed up for > than 3 seconds (startsecs)
INFO waiting for cat to stop
INFO recycled: cat (exit status 0; requested)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := conf.Program{AutoRestart: conf.RestartUnexpected, StartRetries: -1, StartSecs: 3 * time.Second, StopWait: time.Second, ExitCodes: []int{0, 2}}
			if c.change != nil {
				c.change(&p)
			}
			var s programs.State
			var got []string
			for _, e := range c.events {
				next, _ := programs.Step(policyOf(&p), s, programs.Moment{At: 1}, e)
				why := func() string {
					if next.Last.Kind == programs.KindStopTimeout || next.Last.Kind == programs.KindSpawnFailed || next.Last.Exit.Signal == 9 {
						return "why"
					}
					return ""
				}
				for _, line := range inSupervisordsWords(&p, "cat", s, next, func(run uint64) int { return 100 + int(run) }, why) {
					got = append(got, levelCode(line.level)+" "+line.text)
				}
				s = next
			}
			if text := strings.Join(got, "\n"); text != c.want {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
		})
	}
}

func TestLevelCodes(t *testing.T) {
	for level, want := range map[zapcore.Level]string{zapcore.DebugLevel: "DEBG", zapcore.InfoLevel: "INFO", zapcore.WarnLevel: "WARN", zapcore.ErrorLevel: "ERRO", critical: "CRIT"} {
		if got := levelCode(level); got != want {
			t.Errorf("%v: %s, want %s", level, got, want)
		}
	}
}
