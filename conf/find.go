package conf

import (
	"fmt"
	"os"
	"path/filepath"
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
