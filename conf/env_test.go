package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseMemTotal(t *testing.T) {
	for in, want := range map[string]Bytes{
		"MemTotal:       16318332 kB\nMemFree: 1 kB\n": 16318332 << 10,
		"MemFree: 1 kB\nMemTotal: 4 kB":                4 << 10,
		"":                                             0,
		"MemTotal: x kB":                               0,
		"MemTotal: 0 kB":                               0,
		"MemTotal: 99999999999999999999 kB":            0,
		"MemTotal:":                                    0,
	} {
		got, err := parseMemTotal(in)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q is %d (%v), want %d", in, got, err, want)
		}
	}
}

func TestHardLimit(t *testing.T) {
	mount := t.TempDir()
	for path, text := range map[string]string{
		"a/memory.max":                         "2147483648\n",
		"a/b/memory.max":                       "max\n",
		"c/memory.max":                         "junk\n",
		"memory/docker/memory.limit_in_bytes":  "1073741824\n",
		"memory/memory.limit_in_bytes":         "9223372036854771712\n",
		"memory/other/x/memory.limit_in_bytes": "-1\n",
	} {
		full := filepath.Join(mount, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for own, want := range map[string]Bytes{
		"0::/a/b/deeper\n":                   2 << 30, // from above
		"0::/a\n":                            2 << 30,
		"0::/c\n":                            Unlimited,
		"0::/\n":                             Unlimited,
		"0::/../../escape\n":                 Unlimited,
		"9:memory:/docker/x\n0::/a\n":        1 << 30,
		"4:cpu,memory:/docker\n":             1 << 30,
		"9:cpu:/docker\n1:name=systemd:/a\n": Unlimited,
		"9:memory:/other/x\n":                9223372036854771712,
		"junk\n::\n":                         Unlimited,
		"":                                   Unlimited,
	} {
		if got := hardLimit(own, mount); got != want {
			t.Errorf("%q: %v, want %v", own, got, want)
		}
	}
}

func TestEnvMemory(t *testing.T) {
	for _, tc := range []struct{ total, hard, want Bytes }{
		{8, 0, 8}, {8, Unlimited, 8}, {8, 4, 4}, {8, 16, 8}, {0, 4, 0},
	} {
		if got := (Env{MemoryTotal: tc.total, MemoryHard: tc.hard}).Memory(); got != tc.want {
			t.Errorf("%+v: %d", tc, got)
		}
	}
}

func TestHostEnv(t *testing.T) {
	t.Setenv("BULKHEAD_TEST", "a=b")
	env, err := HostEnv()
	if err != nil {
		t.Fatal(err)
	}
	if env.MemoryTotal < 1<<24 || env.MemoryHard <= 0 || env.CPUs < 1 || env.Hostname == "" || env.UID != os.Geteuid() {
		t.Errorf("%+v", env)
	}
	if got := env.Environ["BULKHEAD_TEST"]; got != "a=b" {
		t.Errorf("environment: %q", got)
	}
}

// The user database: root is on every host.
func TestLookup(t *testing.T) {
	for _, name := range []string{"root", "0"} {
		u, f := Env{}.user(name)
		if f != nil || u.Name != "root" || u.UID != 0 || u.Home == "" {
			t.Errorf("%s: %+v, %v", name, u, f)
		}
	}
	if _, f := (Env{}).user("no-such-user"); f == nil || !strings.Contains(f.message, `no user "no-such-user"`) {
		t.Errorf("%v", f)
	}
	for _, tc := range []struct {
		owner    string
		uid, gid int
		bad      bool
	}{
		{"", -1, -1, false}, {"root", 0, 0, false}, {"root:root", 0, 0, false}, {":root", -1, 0, false}, {"0:0", 0, 0, false},
		{"no-such-user", -1, -1, true}, {"root:no-such-group", 0, 0, true}, {"root:", 0, -1, false},
	} {
		uid, gid, f := Env{}.owner(tc.owner)
		if (f != nil) != tc.bad || !tc.bad && (uid != tc.uid || gid != tc.gid) {
			t.Errorf("%q: %d %d %v", tc.owner, uid, gid, f)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if _, err := os.Stat(filepath.Join(Dir, Name)); err == nil {
		t.Logf("this host has %s/%s", Dir, Name)
	} else if got, err := Find(dir); err == nil || !strings.Contains(err.Error(), "name one with -c FILE") {
		t.Errorf("%q, %v", got, err)
	}
	want := filepath.Join(dir, Name)
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(dir); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
}
