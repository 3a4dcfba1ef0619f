package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Redis is what is known of a Redis server's configuration.
type Redis struct {
	Port       string // as its title or options say; "6379" unless they say
	File       string // its configuration file; "" when none was found
	Unreadable string // a file that may be it and may not be read; "" for none
	Saves      bool   // RDB snapshots are made by themselves
	Appends    bool   // the append-only file is kept, and rewritten now and then
	MaxMemory  int64  // bytes; 0: no limit
	Whole      bool   // the command line is still the one it was started with
}

// Persists tells whether it forks by itself.
func (r *Redis) Persists() bool { return r.Saves || r.Appends }

// Sure tells whether the settings were read, and are not just the defaults.
func (r *Redis) Sure() bool { return r.File != "" || r.Whole }

// redisPlaces are where distributions put the file, and where one is started by hand.
var redisPlaces = []string{
	"etc/redis/*.conf", "etc/redis.conf", "etc/redis/*/*.conf", "etc/valkey/*.conf", "etc/valkey.conf", "etc/keydb/*.conf",
	"usr/local/etc/redis/*.conf", "usr/local/etc/redis.conf",
}

// redis finds the settings of a server. It writes a title over its command line,
// so that the file it was started with must be found by its port, and by its "dir", which
// is the directory it works in: there, and in the usual places as the server sees them, which
// may be in a container.
func (r Reader) redis(p *Process, dir string) *Redis {
	out := &Redis{Port: "6379", Saves: true} // its defaults
	if port, ok := titlePort(p.Argv); ok {
		out.Port = port
	} else {
		settings, file := redisOptions(p.Argv)
		out.Whole = true
		if file != "" {
			text, err := os.ReadFile(filepath.Join(dir, "root", file))
			if err != nil {
				text, err = os.ReadFile(filepath.Join(r.Root, file))
			}
			if err != nil {
				out.Unreadable, out.Whole = printable(file), false
			} else {
				out.File = printable(file)
				out.apply(parseRedis(string(text)))
			}
		}
		out.apply(settings)
		return out
	}
	r.findRedis(out, dir)
	return out
}

func (r Reader) findRedis(out *Redis, dir string) {
	root := filepath.Join(dir, "root") + "/"
	if _, err := os.Stat(root); err != nil {
		root = r.Root
	}
	var files []string
	for _, place := range redisPlaces {
		found, _ := filepath.Glob(filepath.Join(root, place)) // the patterns are well formed
		files = append(files, found...)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "cwd/*.conf"))
	files = append(files, found...)
	for _, f := range files {
		name := shown(f, root, dir)
		b, err := os.ReadFile(f)
		if err != nil {
			if out.Unreadable == "" && errors.Is(err, fs.ErrPermission) {
				out.Unreadable = name
			}
			continue
		}
		settings := parseRedis(string(b))
		port := "6379"
		if v, ok := settings["port"]; ok {
			port = v[0]
		}
		if port == out.Port && worksIn(settings, root, dir) {
			out.File, out.Unreadable = name, ""
			out.apply(settings)
			return
		}
	}
}

// worksIn tells whether a server with these settings would work in the directory that this one
// does. What may not be looked at tells nothing against it.
func worksIn(settings map[string][]string, root, dir string) bool {
	v, ok := settings["dir"]
	if !ok || !filepath.IsAbs(v[0]) {
		return true
	}
	cwd, err := os.Stat(filepath.Join(dir, "cwd"))
	if err != nil {
		return true
	}
	there, err := os.Stat(filepath.Join(root, v[0]))
	return err == nil && os.SameFile(cwd, there) || errors.Is(err, fs.ErrPermission)
}

// shown is the path of a file as the server's own administrator would write it.
func shown(file, root, dir string) string {
	if rest, ok := strings.CutPrefix(file, filepath.Join(dir, "cwd")+"/"); ok {
		if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil {
			return printable(filepath.Join(cwd, rest))
		}
		return printable(rest)
	}
	return printable("/" + strings.TrimPrefix(strings.TrimPrefix(file, strings.TrimSuffix(root, "/")), "/"))
}

func (r *Redis) apply(settings map[string][]string) {
	if v, ok := settings["port"]; ok {
		r.Port = printable(v[0])
	}
	if v, ok := settings["save"]; ok {
		r.Saves = strings.Join(v, "") != ""
	}
	if v, ok := settings["appendonly"]; ok {
		r.Appends = strings.EqualFold(v[0], "yes")
	}
	if v, ok := settings["maxmemory"]; ok {
		r.MaxMemory = redisBytes(v[0])
	}
}

// titlePort reads "redis-server 127.0.0.1:6379", with or without " [cluster]"; on a
// unix socket the port is 0.
func titlePort(argv []string) (string, bool) {
	if len(argv) == 0 {
		return "", false
	}
	words := strings.Fields(argv[0])
	if len(words) < 2 {
		return "", false
	}
	if strings.HasPrefix(words[1], "unixsocket:") {
		return "0", true
	}
	i := strings.LastIndexByte(words[1], ':')
	port, err := strconv.ParseUint(words[1][i+1:], 10, 16)
	if i < 0 || err != nil {
		return "", false
	}
	return strconv.FormatUint(port, 10), true
}

// redisOptions reads a command line: [FILE] [--NAME VALUE...]...
func redisOptions(argv []string) (settings map[string][]string, file string) {
	settings = map[string][]string{}
	name := ""
	for i, arg := range argv {
		option, ok := strings.CutPrefix(arg, "--")
		switch {
		case i == 0:
		case ok:
			name = strings.ToLower(option)
			if name == "save" {
				settings[name] = nil
			}
		case name != "":
			settings[name] = append(settings[name], arg)
		case i == 1 && !strings.HasPrefix(arg, "-"):
			file = arg
		}
	}
	for name, v := range settings {
		if len(v) == 0 && name != "save" {
			delete(settings, name)
		}
	}
	return settings, file
}

// parseRedis reads a redis.conf: lines of a name and values, which may be quoted.
// Several save lines add up, an empty one takes back those before it; of other names
// the last counts. Included files are not followed. Every name has a value,
// but for save.
func parseRedis(text string) map[string][]string {
	settings := map[string][]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		name := strings.ToLower(words[0])
		values := words[1:]
		for i, v := range values {
			values[i] = strings.Trim(v, `"'`)
		}
		if name == "save" && strings.Join(values, "") != "" {
			values = append(settings[name], values...)
		}
		settings[name] = values
	}
	return settings
}

// redisUnits are Redis's own: k is 1000, kb is 1024.
var redisUnits = []struct {
	name string
	size int64
}{
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"b", 1},
}

// redisBytes reads a size; 0 for nonsense, which Redis would not have started with.
func redisBytes(s string) int64 {
	s, factor := strings.ToLower(s), int64(1)
	for _, u := range redisUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > Unlimited/factor {
		return 0
	}
	return n * factor
}
