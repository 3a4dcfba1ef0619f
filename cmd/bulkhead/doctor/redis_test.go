package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedisConfig(t *testing.T) {
	byDefault := Redis{Port: "6379", Saves: true}
	for text, change := range map[string]func(*Redis){
		"":                              func(*Redis) {},
		"# save \"\"\n":                 func(*Redis) {},
		"save \"\"\n":                   func(r *Redis) { r.Saves = false },
		"save ''":                       func(r *Redis) { r.Saves = false },
		"save":                          func(*Redis) {},
		"save \"\"\nsave 60 1\n":        func(*Redis) {},
		"save 60 1\nsave \"\"\n":        func(r *Redis) { r.Saves = false },
		"APPENDONLY Yes\nport 7000":     func(r *Redis) { r.Appends, r.Port = true, "7000" },
		"appendonly yes\nappendonly no": func(*Redis) {},
		"maxmemory 2gb":                 func(r *Redis) { r.MaxMemory = 2 << 30 },
		"maxmemory 2G":                  func(r *Redis) { r.MaxMemory = 2e9 },
		"  maxmemory   100mb  ":         func(r *Redis) { r.MaxMemory = 100 << 20 },
		"maxmemory 1024":                func(r *Redis) { r.MaxMemory = 1024 },
		"maxmemory 9999999999999gb":     func(*Redis) {},
		"maxmemory lots":                func(*Redis) {},
		"maxmemory -1":                  func(*Redis) {},
		"unixsocket /run/redis.sock\nmaxmemory 5kb": func(r *Redis) { r.MaxMemory = 5 << 10 },
	} {
		want, got := byDefault, byDefault
		change(&want)
		got.apply(parseRedis(text))
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestRedisOptions(t *testing.T) {
	for line, want := range map[string]struct {
		settings map[string][]string
		file     string
	}{
		"redis-server":                                     {map[string][]string{}, ""},
		"redis-server /etc/redis.conf":                     {map[string][]string{}, "/etc/redis.conf"},
		"redis-server - --port 7000":                       {map[string][]string{"port": {"7000"}}, ""},
		"redis-server x.conf --SAVE 60 1 --appendonly yes": {map[string][]string{"save": {"60", "1"}, "appendonly": {"yes"}}, "x.conf"},
		"redis-server --save --port":                       {map[string][]string{"save": nil}, ""},
		"redis-server --port 1 x.conf":                     {map[string][]string{"port": {"1", "x.conf"}}, ""},
	} {
		settings, file := redisOptions(strings.Fields(line))
		if diff := cmp.Diff(want.settings, settings); diff != "" || file != want.file {
			t.Errorf("%q: file %q, want %q, settings (-want +got):\n%s", line, file, want.file, diff)
		}
	}
}

func TestTitlePort(t *testing.T) {
	for title, want := range map[string]string{
		"redis-server *:6379": "6379", "/usr/bin/redis-server 127.0.0.1:7000 [cluster]": "7000", "redis-server [::1]:6380": "6380",
		"redis-server unixsocket:/run/redis.sock": "0", "redis-server": "", "redis-server /etc/redis.conf": "", "redis-server x:99999": "", "": "",
	} {
		if got, ok := titlePort([]string{title}); got != want || ok != (want != "") {
			t.Errorf("titlePort(%q) = %q, %v; want %q", title, got, ok, want)
		}
	}
	if _, ok := titlePort(nil); ok {
		t.Error("no command line has a port")
	}
}

// TestRedisIsFound finds the file of each server: by its port, by its options, and in the
// directory it works in; and says which it was not.
func TestRedisIsFound(t *testing.T) {
	f := fixture{root: t.TempDir()}
	f.write(t, "etc/redis/redis.conf", "save \"\"\n")
	f.write(t, "etc/redis/second.conf", "port 7001\nappendonly yes\n")
	f.write(t, "etc/redis/third.conf", "port 7002\ndir /var/lib/redis\nsave \"\"\n") // another's
	f.write(t, "var/lib/redis/dump.rdb", "")
	f.write(t, "srv/third/redis.conf", "port 7002\nmaxmemory 1gb\ndir /srv/third\n")
	f.write(t, "etc/redis/fourth.conf", "port 7004\ndir /gone\n")
	f.write(t, "proc/9/stat", "")
	if err := os.Symlink(filepath.Join(f.root, "srv/third"), filepath.Join(f.root, "proc/9/cwd")); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]Redis{
		"redis-server *:6379": {Port: "6379", File: "/etc/redis/redis.conf"},
		"redis-server *:7001": {Port: "7001", File: "/etc/redis/second.conf", Saves: true, Appends: true},
		"redis-server *:7002": {Port: "7002", File: filepath.Join(f.root, "srv/third/redis.conf"), Saves: true, MaxMemory: 1 << 30},
		"redis-server *:7003": {Port: "7003", Saves: true},
		"redis-server *:7004": {Port: "7004", Saves: true},
		"redis-server|/etc/redis/second.conf|--appendonly|no": {Port: "7001", File: "/etc/redis/second.conf", Saves: true, Whole: true},
		"redis-server|/none.conf":                             {Port: "6379", Unreadable: "/none.conf", Saves: true},
		"redis-server|--save||--maxmemory|1mb":                {Port: "6379", Whole: true, MaxMemory: 1 << 20},
	} {
		p := &Process{Argv: strings.Split(line, "|")}
		got := Reader{Root: f.root}.redis(p, filepath.Join(f.root, "proc/9"))
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

func FuzzRedis(f *testing.F) {
	f.Add("port 6379\nsave \"\"\nsave 60 1\nmaxmemory 1gb\nappendonly yes\n")
	f.Add("redis-server x --save --port 1")
	f.Add("redis-server *:")
	f.Fuzz(func(t *testing.T, text string) {
		r := Redis{Port: "6379"}
		r.apply(parseRedis(text))
		settings, _ := redisOptions(strings.Fields(text))
		r.apply(settings)
		if port, ok := titlePort([]string{text}); ok && port == "" {
			t.Errorf("%q has an empty port", text)
		}
		if r.MaxMemory < 0 {
			t.Errorf("%q: maxmemory is %d", text, r.MaxMemory)
		}
	})
}
