package conf

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testEnv is a host of 16 GB with four CPUs, run by root, with a user www-data.
func testEnv() Env {
	return Env{
		MemoryTotal: 16 << 30,
		CPUs:        4,
		Home:        "/root",
		Hostname:    "host1",
		Environ:     map[string]string{"HOME": "/root", "APP": "/srv/app", "ARGS": "--one two"},
		LookupUser: func(name string) (User, error) {
			switch name {
			case "root", "0":
				return User{Name: "root", Home: "/root"}, nil
			case "www-data", "33":
				return User{Name: "www-data", UID: 33, GID: 33, Groups: []uint32{33, 50}, Home: "/var/www"}, nil
			}
			return User{}, fmt.Errorf("there is no user %q", name)
		},
		LookupGroup: func(name string) (uint32, error) {
			if name == "www-data" {
				return 33, nil
			}
			return 0, fmt.Errorf("there is no group %q", name)
		},
	}
}

// readText reads a config of one file.
func readText(t *testing.T, text string) (*Config, []Warning, error) {
	t.Helper()
	return readTextAt(t, text, testEnv())
}

func readTextAt(t *testing.T, text string, env Env) (*Config, []Warning, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bulkhead.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(path, env)
}

func mustRead(t *testing.T, text string) *Config {
	t.Helper()
	c, _, err := readText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	here, err := filepath.Abs("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, warnings, err := Read(path, testEnv())
			var b strings.Builder
			if err != nil {
				if c != nil {
					t.Error("a config and problems at once")
				}
				var problems *Problems
				if !errors.As(err, &problems) {
					t.Fatalf("error is a %T", err)
				}
				fmt.Fprintln(&b, err)
			}
			for _, w := range warnings {
				fmt.Fprintln(&b, "warning:", w)
			}
			golden(t, strings.TrimSuffix(path, ".toml")+".txt", strings.ReplaceAll(b.String(), here, "$HERE"))
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestFull(t *testing.T) {
	c, warnings, err := Read("testdata/good/full.toml", testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Error(warnings)
	}
	var names []string
	for _, p := range c.Programs {
		names = append(names, fmt.Sprintf("%s×%d", p.Name, len(p.Instances)))
	}
	if got, want := strings.Join(names, " "), "alarm×1 redis×1 console×1 web×4 queue×8 mailer×1 thumbnails×1"; got != want {
		t.Errorf("programs %s, want %s", got, want)
	}
	alarm, console, web, q := c.Programs[0], c.Programs[2], c.Programs[3], c.Programs[4]
	in := q.Instances[3]
	here, _ := filepath.Abs("testdata/good")
	for _, tc := range []struct{ got, want any }{
		{q.Pos, Position{"testdata/good/full.toml", 75}},
		{q.User.Groups, []uint32{33, 50}},
		{q.Umask, 0o27},
		{q.StopWait, 90 * time.Second},
		{q.RecycleCodes, []int{0, 12}},
		{q.Limits.MemoryMax, Bytes(256 << 20)},
		{q.Limits.MemorySwapMax, Bytes(0)},
		{q.Limits.CPUMax, 1.5},
		{q.Total.CPUMax, 4.0},
		{q.Total.MemoryMin, Bytes(0)},
		{q.Recycle.Jitter, 0.1},
		{q.JobFormat, "laravel"},
		{in.Name, "queue_03"},
		{in.FullName(), "queue:queue_03"},
		{in.Argv, []string{"php", "artisan", "queue:work", "redis", "--name=03", "--timeout=60"}},
		{in.Environment, map[string]string{"LANG": "C.UTF-8", "APP_ENV": "production", "QUEUE_WORKER": "3"}},
		{in.Stdout, LogTarget{"/var/log/queue.log", 50 << 20, 10}},
		{in.Stderr, LogTarget{MaxBytes: 50 << 20, Backups: 10}},
		{c.Programs[1].Instances[0].FullName(), "redis"},
		{c.Programs[1].StartRetries, -1},
		{c.Programs[5].Instances[0].Directory, filepath.Join(here, "conf.d")},
		{c.Programs[6].Instances[0].Argv[2], "80%"},
		{c.Programs[6].JobFormat, "none"},
		{c.Supervisor.SocketGID, 33},
		{c.Supervisor.Servers, []Server{
			{"tcp", "127.0.0.1:9001", 0, -1, -1, Auth{"admin", "secret"}},
			{"unix", "/run/supervisor.sock", 0o770, 0, 33, Auth{}},
		}},
		{c.Supervisor.ServerURL, "unix:///run/bulkhead/bulkhead.sock"},
		{alarm.Listener, &Listener{[]string{"PROCESS_STATE_FATAL", "TICK_60"}, 10, "supervisor.dispatchers:default_handler"}},
		{[]any{alarm.Stdin, alarm.GroupPriority, alarm.Priority, alarm.Instances[0].Stderr.Path}, []any{true, -1, 999, Auto}},
		{web.Fcgi, &Fcgi{"unix", "/run/web.sock", 511, 0o700, 33, 33}},
		{[]any{web.Instances[3].FullName(), web.GroupPriority, web.Stdin, web.ServerURL}, []any{"site:web_03", 200, false, c.Supervisor.ServerURL}},
		{[]any{console.Instances[0].FullName(), console.Stdin, console.ServerURL, console.StdoutCapture}, []any{"site:console", true, "", Capture{1 << 20, true, false}}},
		{c.GroupNames(), []string{"alarm", "redis", "site", "queue", "mailer", "thumbnails"}},
		{c.ProgramsOf("site"), []string{"console", "web"}},
		{len(c.Files), 2},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
