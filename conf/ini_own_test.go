package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readINIText(t *testing.T, text string, given Overrides) (*Config, []Warning, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "supervisord.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := testEnv()
	env.Cwd = "/tmp"
	return ReadINI(path, env, given)
}

// TestOwnKeys: every key of TOML can stand in an INI section, in TOML's words or bare.
func TestOwnKeys(t *testing.T) {
	c, warnings, err := readINIText(t, `
[unix_http_server]
file=/run/supervisor.sock
[supervisord]
bulkhead.cgroup=require
bulkhead.state_dir = "/var/lib/other"
bulkhead.host.memory_reserve=10%%
[program:x]
command=php artisan queue:work
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startretries=7
bulkhead.preset=laravel
bulkhead.limits.memory_max=256M
bulkhead.limits.cpu_max=150%
bulkhead.limits.nofile=4096
bulkhead.total.memory_max="1G"
bulkhead.recycle.max_jobs=500
bulkhead.recycle.overlap=true
bulkhead.recycle.jitter=0%
bulkhead.env_file=/srv/%(program_name)s.env
bulkhead.health.http=http://localhost:80%(process_num)02d/
bulkhead.health.command=ask %(process_num)d
bulkhead.health.retries=5
bulkhead.limits.oom_score_keep=false
bulkhead.recycle_exitcodes=[0, 12]
bulkhead.pause_signal=USR2
`, Overrides{})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	p := c.Programs[0]
	for _, tc := range []struct{ got, want any }{
		{c.Supervisor.Cgroup, CgroupRequire},
		{c.Supervisor.StateDir, "/var/lib/other"},
		{c.Host.MemoryReserve, c.Host.MemoryTotal / 10},
		{p.Preset, "laravel"},
		{p.JobFormat, "laravel"},
		{p.StartRetries, 7},
		{p.Limits.MemoryMax, Bytes(256 << 20)},
		{p.Limits.CPUMax, 1.5},
		{p.Process.Rlimits[0].Value, uint64(4096)},
		{p.Total.MemoryMax, Bytes(1 << 30)},
		{p.Recycle.MaxJobs, 500},
		{p.Recycle.Overlap, true},
		{p.Recycle.Jitter, 0.0},
		{p.EnvFile, "/srv/x.env"},
		{p.Health.Retries, 5},
		{p.Instances[1].Checks, Checks{HTTP: "http://localhost:8001/", Command: []string{"ask", "1"}}},
		{p.Process.OOMScoreFree, true},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestOwnKeysThatAreWrong(t *testing.T) {
	_, _, err := readINIText(t, `[supervisord]
bulkhead.host=1
bulkhead.cgruop=off
[program:x]
command=true
bulkhead.limits.memory_max=12Q
bulkhead.limits.memory_mx=1M
bulkhead.limits=1
bulkhead.recycle.max_jobs=many
bulkhead.limits.memory_high=%(nope)s
`, Overrides{})
	if err == nil {
		t.Fatal("all is taken")
	}
	var got []string
	for _, p := range err.(*Problems).List {
		got = append(got, fmt.Sprintf("%d %s: %s; %s", p.Pos.Line, p.Key, p.Message, p.Hint))
	}
	for i, want := range []string{
		`2 supervisord.bulkhead.host: bulkhead.host is a table; write bulkhead.host.KEY = VALUE`,
		`3 supervisord.bulkhead.cgruop: unknown key "cgruop"; write cgroup`,
		`6 program:x.bulkhead.limits.memory_max: cannot use "12Q" as a size: unknown unit "Q"; write 256M, 1G or 50%`,
		`7 program:x.bulkhead.limits.memory_mx: unknown key "memory_mx"; write memory_max`,
		`8 program:x.bulkhead.limits: bulkhead.limits is a table; write bulkhead.limits.KEY = VALUE`,
		`9 program:x.bulkhead.recycle.max_jobs: cannot use the string "many" as a whole number; write a number without quotes`,
		`10 program:x.bulkhead.limits.memory_high: cannot expand "%(nope)s": there is no name "nope" here; the names are`,
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("problem %d is not %s; all:\n%s", i, want, strings.Join(got, "\n"))
			return
		}
	}
}

// TestOverrides: the command line goes before the file, and that before the default.
func TestOverrides(t *testing.T) {
	const text = "[supervisord]\nloglevel=warn\nidentifier=file\nuser=www-data\numask=077\nlogfile=/tmp/f.log\n"
	c, _, err := readINIText(t, text, Overrides{
		NoDaemon: true, Silent: true, NoCleanup: true, StripANSI: true,
		User: "root", Umask: "027", Directory: "/", LogFile: "given%.log", LogFileMaxBytes: "1MB", LogFileBackups: "3", LogLevel: "debug",
		PidFile: "/tmp/given.pid", Identifier: "given", ChildLogDir: "/", MinFDs: "10", MinProcs: "11",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Supervisor
	got := []any{s.Foreground, s.Silent, s.KeepLogs, s.StripANSI, s.User.Name, s.Umask, s.Directory, s.LogFile, s.LogFileMaxBytes, s.LogFileBackups, s.LogLevel,
		s.PidFile, s.Identifier, s.ChildLogDir, s.MinFDs, s.MinProcs}
	want := []any{true, true, true, true, "root", 0o27, "/", "/tmp/given%.log", Bytes(1 << 20), 3, "debug", "/tmp/given.pid", "given", "/", 10, 11}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, _, err = readINIText(t, text, Overrides{LogFileMaxBytes: "much"})
	if want := "the command line: supervisord.logfile_maxbytes: invalid literal for int()"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestINIWarnings(t *testing.T) {
	_, warnings, err := readINIText(t, `[supervisord]
nonsense=1
[program:x]
command=true
stdout_logfile=syslog
stderr_logfile_maxbytes=0
comand=true
[program:y]
command="
[group:none]
[strange]
[rpcinterface:twiddler]
supervisor.rpcinterface_factory = supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface
[include]
files = *.missing
[supervisorctl]
prompt=hello
`, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, fmt.Sprintf("%d %s", w.Pos.Line, w.Key))
	}
	want := "2 supervisord.nonsense, 5 program:x.stdout_logfile, 6 program:x.stderr_logfile_maxbytes, 7 program:x.comand, " +
		"9 program:y.command, 10 group:none, 11 strange, 12 rpcinterface:twiddler, 15 include.files"
	if strings.Join(got, ", ") != want {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// TestReadTellsLanguages: by the end of the name, else by the text.
func TestReadTellsLanguages(t *testing.T) {
	dir := t.TempDir()
	const toml, ini = "[programs.x]\ncommand = 'true'\n", "[supervisord]\n[program:x]\ncommand=true\n"
	for name, text := range map[string]string{"a.toml": toml, "b": toml, "c": "# x\n" + ini, "d.conf": ini, "e.ini": ini, "f.cfg": ini} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := Read(path, testEnv())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := c.Supervisor.LogStyle == "supervisord", strings.Contains(text, "supervisord"); got != want {
			t.Errorf("%s is read as INI: %v", name, got)
		}
	}
	if _, _, err := Read(filepath.Join(dir, "missing"), testEnv()); err == nil {
		t.Error("a missing file is read")
	}
}

func TestFindINI(t *testing.T) {
	dir := t.TempDir()
	if path, err := FindINI("/none/bin/supervisord", dir); err == nil && !strings.HasPrefix(path, "/etc/") ||
		err != nil && !strings.Contains(err.Error(), "/none/etc/supervisord.conf, /none/supervisord.conf, "+dir) {
		t.Errorf("%q, %v", path, err)
	}
	for _, name := range []string{"cwd/etc", "cwd", "usr", "usr/etc"} { // each goes before the ones above it
		path := filepath.Join(dir, name, "supervisord.conf")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := must(FindINI(filepath.Join(dir, "usr/bin/supervisord"), filepath.Join(dir, "cwd"))); got != path {
			t.Errorf("found %s, want %s", got, path)
		}
	}
}

func must(s string, _ error) string { return s }
