package conf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func instanceNames(p Program) string {
	var names []string
	for _, in := range p.Instances {
		names = append(names, in.Name)
	}
	return strings.Join(names, " ")
}

func TestInstanceNames(t *testing.T) {
	for keys, want := range map[string]string{
		"":                                  "queue",
		"numprocs = 0":                      "",
		"numprocs = 1":                      "queue",
		"numprocs = 3":                      "queue_00 queue_01 queue_02",
		"numprocs = 2\nnumprocs_start = 99": "queue_99 queue_100",
		"process_name = \"w\"":              "w",
		"process_name = \"w%(process_num)d-of-%(numprocs)d\"\nnumprocs = 2":                                       "w0-of-2 w1-of-2",
		"process_name = \"%(host_node_name)s-%(group_name)s\"":                                                    "host1-queue",
		"process_name = \"%(program_name)s_%(ENV_N)s%(process_num)d\"\nnumprocs = 2\nenvironment = { N = \"n\" }": "queue_n0 queue_n1",
	} {
		c := mustRead(t, "[programs.queue]\ncommand = \"true\"\n"+keys)
		if got := instanceNames(c.Programs[0]); got != want {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
}

func TestExpansionsOfProgram(t *testing.T) {
	c := mustRead(t, `
[supervisor]
environment = { BASE = "%(ENV_APP)s/base", SHARED = "sup" }
socket = "run/b.sock"
state_dir = "~/state"
[programs.queue]
command = "run %(ENV_ARGS)s --n=%(process_num)d/%(numprocs)d --own=%(ENV_OWN)s --base=%(ENV_BASE)s"
numprocs = 2
directory = "%(ENV_BASE)s/%(process_num)d"
environment = { OWN = "o%(process_num)d", SHARED = "prog", PORT = 80, DEBUG = true }
env_file = ".env"
stdout_logfile = "%(program_name)s-%(process_num)02d.log"
stderr_logfile = "NONE"
[programs.queue.health]
http = "http://localhost:80%(process_num)02d/%(ENV_OWN)s"
tcp = "localhost:80%(process_num)02d"
command = "ask --n=%(process_num)d/%(numprocs)d"
[programs.array]
command = ["%(ENV_ARGS)s", "100%%"]
stdout_logfile = "/dev/stdout"
stderr_logfile = "/dev/stderr"
`)
	here := strings.TrimSuffix(c.Path, "/bulkhead.toml")
	array, queue := c.Programs[0], c.Programs[1]
	in := queue.Instances[1]
	for _, tc := range []struct{ got, want any }{
		{c.Supervisor.Socket, here + "/run/b.sock"},
		{c.Supervisor.StateDir, "/root/state"},
		{in.Argv, []string{"run", "--one", "two", "--n=1/2", "--own=o1", "--base=/srv/app/base"}},
		{in.Directory, "/srv/app/base/1"},
		{in.Environment, map[string]string{"BASE": "/srv/app/base", "SHARED": "prog", "OWN": "o1", "PORT": "80", "DEBUG": "true"}},
		{queue.EnvFile, here + "/.env"},
		{in.Stdout, LogTarget{here + "/queue-01.log", 50 << 20, 10}},
		{in.Stderr, LogTarget{MaxBytes: 50 << 20, Backups: 10}},
		{in.Checks, Checks{HTTP: "http://localhost:8001/o1", TCP: "localhost:8001", Command: []string{"ask", "--n=1/2"}}},
		{array.Instances[0].Argv, []string{"--one two", "100%"}},
		{array.Instances[0].Stdout, LogTarget{Path: "-"}},
		{array.Instances[0].Stderr, LogTarget{Path: "-"}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestPresets(t *testing.T) {
	for _, tc := range []struct {
		keys string
		want string
	}{
		{"", "unexpected [0] [] self=false TERM 10s +2s group=false none pause=0"},
		{`preset = "generic"`, "unexpected [0] [] self=false TERM 10s +2s group=false none pause=0"},
		{`preset = "laravel"`, "true [0 12] [0 12] self=true TERM 1m30s +2s group=false laravel pause=12"},
		{`preset = "horizon"`, "true [0 12] [0 12] self=false TERM 1h0m0s +1h0m0s group=false none pause=12"},
		{"preset = \"horizon\"\nstopwaitsecs = 60", "true [0 12] [0 12] self=false TERM 1m0s +1m0s group=false none pause=12"},
		{"preset = \"horizon\"\nstopwaitsecs = 60\nleftoverwaitsecs = 5", "true [0 12] [0 12] self=false TERM 1m0s +5s group=false none pause=12"},
		{`preset = "symfony-messenger"`, "true [0] [0] self=false TERM 20s +2s group=false symfony pause=0"},
		{"preset = \"laravel\"\nautorestart = false\nexitcodes = []\nrecycle_exitcodes = [3]\nself_kill = false\nstopsignal = \"QUIT\"\nstopasgroup = true\njob_format = \"none\"",
			"false [] [3] self=false QUIT 1m30s +2s group=true none pause=12"},
		{"preset = \"laravel\"\njob_pattern = \"done\"", "true [0 12] [0 12] self=true TERM 1m30s +2s group=false none pause=12"},
	} {
		p := mustRead(t, "[programs.x]\ncommand = \"true\"\n"+tc.keys).Programs[0]
		got := fmt.Sprintf("%s %v %v self=%v %s %v +%v group=%v %s pause=%d", p.AutoRestart, p.ExitCodes, p.RecycleCodes, p.SelfKill,
			map[int]string{15: "TERM", 3: "QUIT"}[int(p.StopSignal)], p.StopWait, p.LeftoverWait, p.StopAsGroup, p.JobFormat, p.PauseSignal)
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.keys, got, tc.want)
		}
		if p.KillAsGroup != p.StopAsGroup {
			t.Errorf("%s: killasgroup is not as stopasgroup", tc.keys)
		}
	}
}

func TestPresetStopWait(t *testing.T) {
	for command, want := range map[string]time.Duration{
		"php artisan queue:work":                                90 * time.Second,
		"php artisan queue:work --timeout=60":                   90 * time.Second,
		"php artisan queue:work --timeout 300 --tries=3":        330 * time.Second,
		"php artisan queue:work --timeout=0":                    90 * time.Second,
		"php artisan queue:work --timeout=":                     90 * time.Second,
		"php artisan queue:work --timeout":                      90 * time.Second,
		"php artisan queue:work --timeout=x":                    90 * time.Second,
		"php artisan queue:work --timeouts=300":                 90 * time.Second,
		"sh -c 'cd /srv && php artisan queue:work --timeout=7'": 37 * time.Second,
	} {
		p := mustRead(t, fmt.Sprintf("[programs.x]\npreset = \"laravel\"\ncommand = %q", command)).Programs[0]
		if p.StopWait != want {
			t.Errorf("%s: stopwaitsecs is %v, want %v", command, p.StopWait, want)
		}
	}
}

func TestLimitsResolved(t *testing.T) {
	c := mustRead(t, `
[programs.a]
command = "true"
numprocs = 3
[programs.a.limits]
memory_max = "25%"
memory_min = "1G"
memory_swap_max = "0"
memlock = "unlimited"
nofile = "64K"
[programs.a.total]
memory_max = "50%"
[programs.b]
command = "true"
`)
	none := Limits{MemoryHigh: Unlimited, MemoryMax: Unlimited, MemorySwapMax: Unlimited}
	a, b := c.Programs[0], c.Programs[1]
	wantA, wantTotal := none, none
	wantA.MemoryMax, wantA.MemoryMin, wantA.MemorySwapMax = 4<<30, 1<<30, 0
	wantTotal.MemoryMax, wantTotal.MemoryMin = 8<<30, 3<<30
	for _, tc := range []struct{ got, want any }{
		{a.Limits, wantA}, {a.Total, wantTotal}, {b.Limits, none}, {b.Total, none},
		{a.Process.Rlimits, []Rlimit{{"nofile", 7, 65536}, {"memlock", 8, 1<<64 - 1}}},
		{b.Recycle, Recycle{Jitter: 0.1, MinLifetime: 10 * time.Second, Parallel: 1, Burst: 0.5, BurstTime: 30 * time.Second, Cooldown: 10 * time.Minute}},
		{c.Host, Host{16 << 30, 16 << 30 / 20, "warn", Strict, Pressure{
			Hold: Rung{16 << 30 / 10, 0.05}, Pause: Rung{16 << 30 * 7 / 100, 0.1}, Scale: Rung{16 << 30 / 20, 0.2},
			Reclaim: Rung{16 << 30 / 25, 0.2}, Kill: Rung{16 << 30 / 50, 0.4}, Relief: 30 * time.Second,
		}}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// What instances ask to keep is passed on to the total, as far as it may go.
func TestTotalFloor(t *testing.T) {
	for total, want := range map[string]Bytes{
		"":                        3 << 30,
		"total.memory_max = '2G'": 2 << 30,
		"total.memory_max = '4G'": 3 << 30,
		"total.memory_min = 0":    0,
		"total.memory_min = '1G'": 1 << 30,
	} {
		p := mustRead(t, "[programs.a]\ncommand = 'x'\nnumprocs = 3\nlimits.memory_min = '1G'\n"+total).Programs[0]
		if p.Total.MemoryMin != want {
			t.Errorf("%s: %v, want %v", total, p.Total.MemoryMin, want)
		}
	}
}

func TestWithNumprocs(t *testing.T) {
	p := mustRead(t, "[programs.q]\nnumprocs = 2\ncommand = \"x %(process_num)d/%(numprocs)d\"\nlimits = { memory_min = \"1M\" }").Programs[0]
	for n, want := range map[int]string{0: "", 1: "q", 2: "q_00 q_01", 3: "q_00 q_01 q_02"} {
		scaled, err := p.WithNumprocs(n)
		if err != nil {
			t.Fatal(err)
		}
		if got := instanceNames(scaled); got != want {
			t.Errorf("%d instances are %q, want %q", n, got, want)
		}
		if n > 0 && scaled.Instances[n-1].Argv[1] != fmt.Sprintf("%d/%d", n-1, n) {
			t.Errorf("argv %q", scaled.Instances[n-1].Argv)
		}
		if scaled.Total.MemoryMin != Bytes(n)<<20 {
			t.Errorf("total.memory_min is %v for %d", scaled.Total.MemoryMin, n)
		}
	}
	if got := instanceNames(p); got != "q_00 q_01" {
		t.Errorf("the program itself became %q", got)
	}
	fixed := mustRead(t, "[programs.q]\ncommand = \"x\"\nprocess_name = \"only\"").Programs[0]
	for _, tc := range []struct {
		p    Program
		n    int
		want string
	}{
		{p, -1, "cannot run -1 instances"},
		{p, maxNumprocs + 1, "write a number from 0 to 4096"},
		{fixed, 2, "must contain %(process_num)"},
		{Program{Name: "x"}, 2, "does not come from a config file"},
	} {
		got, err := tc.p.WithNumprocs(tc.n)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
		if len(got.Instances) != len(tc.p.Instances) {
			t.Error("changed in spite of the error")
		}
	}
}

// Scaling and reading the file with that number are the same.
func TestWithNumprocsLikeRead(t *testing.T) {
	const text = "[programs.q]\ncommand = \"x %%(process_num)d\"\nnumprocs = %d\nnumprocs_start = 3"
	base := mustRead(t, fmt.Sprintf(text, 4))
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(rt, "n")
		scaled, err := base.Programs[0].WithNumprocs(n)
		if err != nil {
			rt.Fatal(err)
		}
		read := mustRead(t, fmt.Sprintf(text, n))
		if changes := Diff(&Config{Programs: []Program{scaled}, Supervisor: read.Supervisor, Host: read.Host}, read); !changes.Empty() {
			rt.Fatalf("%+v", changes)
		}
	})
}

func TestIncludeOrder(t *testing.T) {
	c, _, err := Read("testdata/good/full.toml", testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(c.Files[1], "/testdata/good/conf.d/mailer.toml") || c.Programs[5].Pos.Line != 3 {
		t.Error(c.Files, c.Programs[5].Pos)
	}
}

func TestReadMissing(t *testing.T) {
	_, _, err := Read("testdata/none.toml", testEnv())
	if got, want := fmt.Sprint(err), "testdata/none.toml: cannot read the config file: no such file or directory"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	_, _, err = Read("testdata", testEnv())
	if err == nil {
		t.Error("read a directory")
	}
}

// Not root: XDG's directories, and a word about users that cannot be had.
func TestNotRoot(t *testing.T) {
	env := testEnv()
	env.UID = 1000
	env.Home = "/home/u"
	for _, tc := range []struct {
		environ       map[string]string
		socket, state string
	}{
		{nil, "/home/u/.local/state/bulkhead/bulkhead.sock", "/home/u/.local/state/bulkhead"},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_STATE_HOME": "/state"}, "/run/user/1000/bulkhead/bulkhead.sock", "/state/bulkhead"},
		{map[string]string{"XDG_RUNTIME_DIR": "relative", "XDG_STATE_HOME": ""}, "/home/u/.local/state/bulkhead/bulkhead.sock", "/home/u/.local/state/bulkhead"},
	} {
		env.Environ = tc.environ
		r := newReport()
		c := r.resolve(r.parse("x.toml", []byte("[programs.a]\ncommand = \"true\"\nuser = \"www-data\"")), env)
		if r.err() != nil || c.Supervisor.Socket != tc.socket || c.Supervisor.StateDir != tc.state {
			t.Errorf("%v: %q %q", r.err(), c.Supervisor.Socket, c.Supervisor.StateDir)
		}
		if got := fmt.Sprint(r.warningList()); !strings.Contains(got, `x.toml:3: programs.a.user: only root can run a program as "www-data"`) {
			t.Error(got)
		}
	}
}

func TestUnknownMemory(t *testing.T) {
	env := testEnv()
	env.MemoryTotal = 0
	r := newReport()
	r.resolve(r.parse("x.toml", []byte("[programs.a]\ncommand = \"true\"\nlimits = { memory_max = \"50%\", memory_high = \"90G\" }")), env)
	if got, want := r.err().Error(), "x.toml:3: programs.a.limits.memory_max: cannot use a percentage: the host's memory is unknown; write a size such as 256M"; got != want {
		t.Errorf("%s", got)
	}
}
