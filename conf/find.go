package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Name is the file Find looks for, and Dir the second place where it does.
const (
	Name = "bulkhead.toml"
	Dir  = "/etc/bulkhead"
)

// Find returns the config file to use when none is named: bulkhead.toml in
// cwd, else in /etc/bulkhead. One that exists but cannot be read is found too:
// Read says why.
func Find(cwd string) (string, error) {
	places := []string{filepath.Join(cwd, Name), filepath.Join(Dir, Name)}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil || !os.IsNotExist(err) {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find a config file: neither %q nor %q exists; name one with -c FILE", places[0], places[1])
}

// FindINI returns the supervisord.conf that supervisord would use when none is
// named, of a program called as argv0 in cwd.
func FindINI(argv0, cwd string) (string, error) {
	const name = "supervisord.conf"
	above := filepath.Dir(filepath.Dir(argv0))
	if !filepath.IsAbs(above) {
		above = filepath.Join(cwd, above)
	}
	places := []string{
		filepath.Join(above, "etc", name), filepath.Join(above, name),
		filepath.Join(cwd, name), filepath.Join(cwd, "etc", name),
		"/etc/" + name, "/etc/supervisor/" + name,
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	//lint:ignore ST1005 supervisord's words
	return "", fmt.Errorf("No config file found at default paths (%s); use the -c option to specify a config file at a different path", strings.Join(places, ", "))
}

// iniHeader is a section that TOML cannot have, or ours has not.
var iniHeader = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*\[(supervisord|supervisorctl|include|unix_http_server|inet_http_server|(program|group|eventlistener|fcgi-program|rpcinterface):[^\]]*)\]`)
})

// isINI says which of the two languages a file is in.
func isINI(path string) bool {
	switch filepath.Ext(path) {
	case ".conf", ".ini":
		return true
	case ".toml":
		return false
	}
	data, err := readFile(path)
	return err == nil && iniHeader().Match(data)
}
