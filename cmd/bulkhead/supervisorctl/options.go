package supervisorctl

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Options are what the command line and the config file say about a session.
type Options struct {
	ServerURL          string // http://host:port or unix:///path
	Username, Password string // "": without
	Prompt             string // without the "> "
	History            string // a file, or ""
	Interactive        bool   // there is somebody to ask
	Args               []string

	config string // -c
	help   bool
}

// flags are the options, by their short and long spelling.
var flags = []struct {
	short byte
	long  string
	value bool
}{
	{'h', "help", false}, {'?', "", false}, {'c', "configuration", true}, {'i', "interactive", false}, {'s', "serverurl", true},
	{'u', "username", true}, {'p', "password", true}, {'r', "history_file", true},
}

// ParseOptions reads the command line and the config that it names or that is
// found beside program, its own path. What neither says has its default.
func ParseOptions(program string, args []string) (Options, error) {
	given, rest, err := getopt(args)
	if err != nil {
		return Options{}, err
	}
	o := Options{Args: rest, Prompt: "supervisor", ServerURL: "http://localhost:9001"}
	for _, g := range given {
		if g.flag == "-h" || g.flag == "-?" || g.flag == "--help" {
			return Options{help: true}, nil
		}
	}
	said, err := onCommandLine(given)
	if err != nil {
		return Options{}, err
	}
	if o.config = said["c"]; o.config == "" {
		o.config = FindConfig(program)
	}
	if o.config != "" {
		s, err := ReadSettings(o.config)
		if err != nil {
			return Options{}, err
		}
		o = o.With(s)
	}
	o = o.With(Settings(said))
	o.Interactive = said["i"] != "" || len(o.Args) == 0
	return o, nil
}

// Settings are options by the letter of their flag, and "prompt".
type Settings map[string]string

// With returns the options with what s says in their place.
func (o Options) With(s Settings) Options {
	set := func(key string, into *string) {
		if v, ok := s[key]; ok {
			*into = v
		}
	}
	set("s", &o.ServerURL)
	set("r", &o.History)
	set("prompt", &o.Prompt)
	set("u", &o.Username)
	set("p", &o.Password)
	return o
}

// onCommandLine checks the values of flags; each may be given once.
func onCommandLine(given []option) (Settings, error) {
	said := Settings{}
	for _, g := range given {
		key := g.key()
		if _, again := said[key]; again {
			return nil, fmt.Errorf("conflicting command line option '%s'", g.flag)
		}
		if key == "s" && !isURL(g.value) {
			return nil, fmt.Errorf("invalid value for %s '%s': value '%s' is not a URL", g.flag, g.value, g.value)
		}
		said[key] = g.value
		if key == "i" {
			said[key] = "1"
		}
	}
	return said, nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Path != "" || u.Opaque != "")
}

// FindConfig looks where supervisord and supervisorctl look. It returns ""
// when nothing is there.
func FindConfig(program string) string {
	above := filepath.Dir(filepath.Dir(program))
	for _, path := range []string{
		filepath.Join(above, "etc/supervisord.conf"), filepath.Join(above, "supervisord.conf"),
		"supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf",
	} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// option is a flag as it was written.
type option struct{ flag, value string }

// key is the flag's letter.
func (o option) key() string {
	for _, f := range flags {
		if o.flag == "--"+f.long {
			return string(f.short)
		}
	}
	return strings.TrimPrefix(o.flag, "-")
}

// getopt takes the options off the front of args, with Python's complaints.
func getopt(args []string) (given []option, rest []string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if long, ok := strings.CutPrefix(arg, "--"); ok {
			var g option
			if g, args, err = longOption(long, args); err != nil {
				return nil, nil, err
			}
			given = append(given, g)
			continue
		}
		for letters := arg[1:]; letters != ""; {
			var g option
			if g, letters, args, err = shortOption(letters, args); err != nil {
				return nil, nil, err
			}
			given = append(given, g)
		}
	}
	return given, args, nil
}

// shortOption takes the first of letters, and its value from behind it or from args.
func shortOption(letters string, args []string) (g option, more string, rest []string, err error) {
	g.flag = "-" + letters[:1]
	for _, f := range flags {
		switch {
		case f.short != letters[0]:
		case !f.value:
			return g, letters[1:], args, nil
		case letters[1:] != "":
			g.value = letters[1:]
			return g, "", args, nil
		case len(args) == 0:
			return g, "", nil, fmt.Errorf("option %s requires argument", g.flag)
		default:
			g.value = args[0]
			return g, "", args[1:], nil
		}
	}
	return g, "", nil, fmt.Errorf("option %s not recognized", g.flag)
}

// longOption takes an option that may be shortened as long as it is but one.
func longOption(text string, args []string) (g option, rest []string, err error) {
	name, value, assigned := strings.Cut(text, "=")
	found := -1
	for i, f := range flags {
		switch {
		case f.long == name && name != "":
			found = i
		case f.long == "" || !strings.HasPrefix(f.long, name):
			continue
		case found >= 0:
			return g, nil, fmt.Errorf("option --%s not a unique prefix", name)
		default:
			found = i
		}
	}
	if found < 0 {
		return g, nil, fmt.Errorf("option --%s not recognized", name)
	}
	f := flags[found]
	g = option{"--" + f.long, value}
	switch {
	case !f.value && assigned:
		return g, nil, fmt.Errorf("option --%s must not have an argument", f.long)
	case !f.value || assigned:
		return g, args, nil
	case len(args) == 0:
		return g, nil, fmt.Errorf("option --%s requires argument", f.long)
	}
	g.value = args[0]
	return g, args[1:], nil
}
