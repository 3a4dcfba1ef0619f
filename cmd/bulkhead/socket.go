package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"bulkhead/conf"
)

// socketOf is the path of a socket's URL.
func socketOf(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "unix://")
	if !ok || !filepath.IsAbs(path) {
		return "", usagef("cannot use %q as serverurl: want unix:///path or http://host:port", url)
	}
	return path, nil
}

// configured finds the supervisor's socket in the named config or the one that serve would find
// here, else it is the default of this user; and what that config demands of clients,
// as far as it is written there in plain.
func configured(file string) (socket string, auth conf.Auth, err error) {
	env, err := conf.HostEnv()
	if err != nil {
		return "", auth, err
	}
	if file, err = namedConfig(file); err != nil {
		return conf.DefaultSocket(env), auth, nil // no config: the default is all there can be
	}
	supervisor, err := conf.ReadSupervisor(file, env)
	if err == nil {
		if !strings.HasPrefix(supervisor.Auth.Password, "{SHA}") {
			auth = supervisor.Auth
		}
		return supervisor.Socket, auth, nil
	}
	var all *conf.Problems
	if !errors.As(err, &all) {
		return "", auth, err
	}
	// A supervisor that runs must be reachable while its file is being edited:
	// it is the one that "reread" asks what is wrong.
	if path, ok := writtenSocket(file, conf.DefaultSocket(env)); ok {
		return path, auth, nil
	}
	return "", auth, fmt.Errorf("cannot find the socket in %q: %s (bulkhead check tells all; -s unix:///path needs no config)", file, firstOf(all))
}

func findConfig() (string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find a config file: %v", err)
	}
	return conf.Find(cwd)
}

var (
	tableLine  = regexp.MustCompile(`^\s*\[\s*([^\[\]]*?)\s*\]\s*(#.*)?$`)
	socketLine = regexp.MustCompile(`^\s*socket\s*=\s*["']([^"'\\%]*)["']\s*(#.*)?$`)
	socketKey  = regexp.MustCompile(`^\s*["']?socket["']?\s*=`)
	inlineKey  = regexp.MustCompile(`^\s*["']?supervisor["']?\s*[.=]`)
)

// writtenSocket takes the socket out of a file that is no valid config, where
// it stands there plainly, as an absolute path in one line of [supervisor], or
// where there is no such key and the default counts.
func writtenSocket(file, or string) (string, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	table, found := "", or
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table = m[1]
			continue
		}
		m := socketLine.FindStringSubmatch(line)
		switch {
		case table == "" && inlineKey.MatchString(line):
			return "", false // written in a way only conf can read
		case table != "supervisor" || !socketKey.MatchString(line):
		case m == nil || !filepath.IsAbs(m[1]):
			return "", false
		default:
			found = m[1]
		}
	}
	return found, true
}

func firstOf(all *conf.Problems) string {
	text := all.List[0].String()
	if n := len(all.List) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}
