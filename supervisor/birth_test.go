package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"bulkhead/conf"
)

// A start that fails says on what, and leaves nothing behind.
func TestFailedBirths(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		change func(*conf.Program)
		want   string
	}{
		{"command", func(p *conf.Program) { p.Instances[0].Argv = []string{"/nowhere/php"} },
			`cannot start "/nowhere/php": exec "/nowhere/php": no such file or directory`},
		{"directory", func(p *conf.Program) { p.Instances[0].Directory = dir + "/gone" },
			`cannot start "/bin/sh": chdir to "` + dir + `/gone": no such file or directory`},
		{"env_file", func(p *conf.Program) { p.EnvFile = dir + "/.env" },
			`cannot read env_file "` + dir + `/.env": no such file or directory`},
		{"log", func(p *conf.Program) { p.Instances[0].Stdout.Path = dir + "/gone/out.log" },
			`cannot open log file "` + dir + `/gone/out.log": no such file or directory`},
		{"second log", func(p *conf.Program) { p.Instances[0].Stderr.Path = dir + "/gone/err.log" },
			`cannot open log file "` + dir + `/gone/err.log": no such file or directory`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inReality(t, func(t *testing.T, w *reality) {
				p := shell(t, "exit 0", func(p *conf.Program) {
					p.Instances[0].Stdout.Path = filepath.Join(dir, "out.log")
					tt.change(p)
				})
				fail := func() {
					t.Helper()
					r := w.start(p)
					e := (<-w.events).(spawnFailed)
					if e.ref != r || e.err.Error() != tt.want {
						t.Errorf("got  %v\nwant %s", e.err, tt.want)
					}
					if w.get(r) != nil {
						t.Error("the run is known")
					}
				}
				fail() // what a first start opens for good is open now
				before, had := goleak.IgnoreCurrent(), w.left(p.Name)
				for range 3 {
					fail()
				}
				equal(t, "left", w.left(p.Name), had)
				for _, l := range had {
					if strings.Contains(l, dir) || strings.HasPrefix(l, "cgroup") {
						t.Errorf("the first left %s", l)
					}
				}
				goleak.VerifyNone(t, before)
				if len(w.events) != 0 {
					t.Errorf("posted more: %+v", <-w.events)
				}
			})
		})
	}
}

// environmentOf starts a program that prints its environment.
func environmentOf(t *testing.T, w *reality, change func(*conf.Program)) []string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "env")
	r := w.start(shell(t, "exec env", func(p *conf.Program) {
		p.Instances[0].Stdout.Path = log
		p.Instances[0].Name, p.Instances[0].Group = "queue_03", "queue"
		if change != nil {
			change(p)
		}
	}))
	if e := await[exited](w); e.exit.Code != 0 {
		t.Fatalf("%+v", e)
	}
	w.over(r)
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestEnvironment(t *testing.T) {
	for _, key := range []string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"INVOCATION_ID", "JOURNAL_STREAM", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE"} {
		t.Setenv(key, "the supervisor's own")
	}
	t.Setenv("OURS", "inherited")
	t.Setenv("HOME", "/root")
	inReality(t, func(t *testing.T, w *reality) {
		w.notifyPath = "/run/x.notify.sock"
		file := filepath.Join(t.TempDir(), ".env")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rules := func(p *conf.Program) {
			p.EnvFile = file
			p.User = &conf.User{Name: "worker", UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Home: "/home/worker"}
			p.Instances[0].Environment = map[string]string{"FROM": "config", "CONFIG": "1"}
		}
		write("FROM=file\nFILE=${OURS}\nHOME=/file\n")
		env := environmentOf(t, w, rules)
		for _, want := range []string{"SUPERVISOR_ENABLED=1", "SUPERVISOR_PROCESS_NAME=queue_03", "SUPERVISOR_GROUP_NAME=queue",
			"OURS=inherited", "FROM=config", "CONFIG=1", "FILE=inherited", "HOME=/file", "USER=worker", "LOGNAME=worker"} {
			if !slices.Contains(env, want) {
				t.Errorf("%s is not in the environment", want)
			}
		}
		for _, e := range env {
			if strings.Contains(e, "the supervisor's own") || strings.HasPrefix(e, "NOTIFY_SOCKET=") {
				t.Errorf("%s is in the environment", e)
			}
		}
		write("FILE=new\n")
		env = environmentOf(t, w, func(p *conf.Program) { rules(p); p.Notify = true })
		for _, want := range []string{"FILE=new", "HOME=/home/worker", "NOTIFY_SOCKET=/run/x.notify.sock"} {
			if !slices.Contains(env, want) {
				t.Errorf("%s is not in the environment of the second start", want)
			}
		}
	})
}

// What the config says of the process itself has reached it.
func TestProcessSettingsReachTheChild(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
		r := w.start(shell(t, "umask; nice; ulimit -n; cat /proc/self/oom_score_adj; pwd; id -u; readlink /proc/self/fd/0; cut -d' ' -f6 /proc/$$/stat; echo $$",
			func(p *conf.Program) {
				p.Umask, p.Process.Nice, p.Process.OOMScoreAdj = 0o27, 5, 321
				p.Process.Rlimits = []conf.Rlimit{{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Value: 77}}
				p.Instances[0].Directory = dir
				p.Instances[0].Stdout.Path = log
			}))
		await[exited](w)
		w.over(r)
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSpace(string(b)), "\n")
		if len(got) != 9 {
			t.Fatalf("%q", got)
		}
		equal(t, "settings", got[:7], []string{"0027", "5", "77", "321", dir, strings.TrimSpace(got[5]), "/dev/null"})
		if got[7] != got[8] {
			t.Errorf("its session is %s, its pid %s", got[7], got[8])
		}
	})
}

// More starts at once than may be busy all come to their end.
func TestManyBirths(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		p := shell(t, "exit 0", nil)
		var refs []ref
		for range 5 * birthsMost {
			refs = append(refs, w.start(p))
		}
		for range refs {
			if e := await[exited](w); e.exit.Code != 0 {
				t.Errorf("%+v", e)
			}
		}
		for _, r := range refs {
			w.over(r)
		}
		if n := len(w.births); n != 0 {
			t.Errorf("%d starts are still under way", n)
		}
	})
}

// An output to "-" is the supervisor's own.
func TestOutputToOurs(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		r := w.start(shell(t, "echo to ours", func(p *conf.Program) { p.Instances[0].Stdout.Path = "-" }))
		await[exited](w)
		if got := w.output.String(); got != "to ours\n" {
			t.Errorf("%q", got)
		}
		w.over(r)
	})
}
