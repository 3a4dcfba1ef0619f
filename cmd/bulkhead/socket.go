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

// socket finds the supervisor's socket: -s, else the config that -c names or
// that serve would find here, else the default of this user.
func (c *ctl) socket() (string, error) {
	if c.session != nil {
		c.server = c.session.opts.ServerURL
	}
	if c.server != "" {
		path, ok := strings.CutPrefix(c.server, "unix://")
		if !ok || !filepath.IsAbs(path) {
			return "", usagef("cannot use %q as serverurl: want unix:///path or http://host:port", c.server)
		}
		return path, nil
	}
	env, err := conf.HostEnv()
	if err != nil {
		return "", err
	}
	file, err := namedConfig(c.config)
	if err != nil {
		return conf.DefaultSocket(env), nil // no config: the default is all there can be
	}
	supervisor, err := conf.ReadSupervisor(file, env)
	if err == nil {
		return supervisor.Socket, nil
	}
	var all *conf.Problems
	if !errors.As(err, &all) {
		return "", err
	}
	// A supervisor that runs must be reachable while its file is being edited:
	// it is the one that "reread" asks what is wrong.
	if path, ok := writtenSocket(file, conf.DefaultSocket(env)); ok {
		return path, nil
	}
	return "", fmt.Errorf("cannot find the socket in %q: %s (bulkhead check tells all; -s unix:///path needs no config)", file, firstOf(all))
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
