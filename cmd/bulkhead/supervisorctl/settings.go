package supervisorctl

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const section = "supervisorctl"

// ReadSettings reads the section [supervisorctl] of a supervisord.conf; no
// other file that this one includes is looked at.
func ReadSettings(file string) (Settings, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("could not find config file %s", file)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("could not read config file %s", file)
	}
	sections, err := readINI(string(content))
	if err != nil {
		return nil, err
	}
	said, ok := sections[section]
	if !ok {
		return nil, errors.New(".ini file does not include supervisorctl section")
	}
	here, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return settings(said, here, os.Environ())
}

// FindServer is ReadSettings for those who are no supervisorctl: a file
// without that section may still say where its server listens.
func FindServer(file string) (Settings, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sections, err := readINI(string(content))
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %v", file, err)
	}
	said, ok := sections[section]
	if !ok {
		said = map[string]string{}
		if server := sections["unix_http_server"]; server["file"] != "" {
			said = map[string]string{"serverurl": "unix://" + server["file"]}
			for _, key := range []string{"username", "password"} {
				if v, ok := server[key]; ok {
					said[key] = v
				}
			}
		}
	}
	here, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return settings(said, here, os.Environ())
}

// settings expands the values of the section and names them as flags are.
func settings(said map[string]string, here string, environ []string) (Settings, error) {
	s := Settings{"s": "http://localhost:9001"}
	for key, as := range map[string]string{"serverurl": "s", "username": "u", "password": "p", "prompt": "prompt", "history_file": "r"} {
		text, ok := said[key]
		if !ok {
			continue
		}
		names := map[string]string{}
		for _, e := range environ {
			k, v, _ := strings.Cut(e, "=")
			names["ENV_"+k] = v
		}
		if as == "s" || as == "r" {
			names["here"] = here
		}
		value, err := expand(text, key, names)
		if err != nil {
			return nil, err
		}
		s[as] = value
	}
	if path, ok := strings.CutPrefix(s["s"], "unix://"); ok {
		s["s"] = "unix://" + normalized(path)
	}
	if s["r"] != "" {
		s["r"] = normalized(s["r"])
	}
	return s, nil
}

// normalized is a path with its tilde expanded and made absolute.
func normalized(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

var formats = regexp.MustCompile(`%(?:%|\(([^)]*)\)s)?`)

// expand replaces %(NAME)s and %%.
func expand(text, key string, names map[string]string) (string, error) {
	var wrong error
	out := formats.ReplaceAllStringFunc(text, func(f string) string {
		name := formats.FindStringSubmatch(f)[1]
		value, known := names[name]
		switch {
		case f == "%%":
			return "%"
		case f == "%":
			wrong = valueError(fmt.Sprintf("Format string '%s' for '%s.%s' is badly formatted: unsupported format character", text, section, key))
		case !known:
			wrong = valueError(fmt.Sprintf("Format string '%s' for '%s.%s' contains names ('%s') which cannot be expanded. Available names: %s",
				text, section, key, name, strings.Join(slices.Sorted(maps.Keys(names)), ", ")))
		}
		return value
	})
	return out, wrong
}

var (
	header  = regexp.MustCompile(`^\[(.+)\]`)
	comment = regexp.MustCompile(`(^|\s)[;#].*$`)
)

// readINI reads a file as Python's RawConfigParser does: the last of a key
// counts, a line that is indented goes on with the value above.
func readINI(text string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	name, key := "", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = comment.ReplaceAllString(strings.TrimRight(line, "\r\n"), "")
		trimmed := strings.TrimSpace(line)
		indented := line != strings.TrimLeft(line, " \t")
		switch m := header.FindStringSubmatch(trimmed); {
		case trimmed == "":
		case indented && key != "":
			all[name][key] += "\n" + trimmed
		case m != nil:
			name, key = m[1], ""
			if all[name] == nil {
				all[name] = map[string]string{}
			}
		case name == "":
			return nil, valueError(fmt.Sprintf("File contains no section headers, line %d: %q", n, trimmed))
		default:
			k, v, ok := cutAny(trimmed, "=:")
			if !ok {
				return nil, valueError(fmt.Sprintf("Source contains parsing errors, line %d: %q", n, trimmed))
			}
			key = strings.ToLower(strings.TrimSpace(k))
			all[name][key] = strings.TrimSpace(v)
		}
	}
	return all, nil
}

func cutAny(s, delimiters string) (before, after string, ok bool) {
	if i := strings.IndexAny(s, delimiters); i > 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
