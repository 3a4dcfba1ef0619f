package spawn

import (
	"os"
	"path/filepath"
	"strings"
)

const defaultPath = "/bin:/usr/bin:/usr/local/bin" // supervisord's

// Candidates lists where command may be, in order. It is never empty.
func Candidates(command string, env []string) []string {
	if strings.Contains(command, "/") {
		return []string{command}
	}
	var found []string
	for _, dir := range filepath.SplitList(searchPath(env)) {
		// A relative entry would run whatever lies in the program's directory.
		if filepath.IsAbs(dir) {
			found = append(found, filepath.Join(dir, command))
		}
	}
	if len(found) == 0 {
		return []string{filepath.Join("/bin", command)}
	}
	return found
}

func searchPath(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return v
		}
	}
	if v := os.Getenv("PATH"); v != "" {
		return v
	}
	return defaultPath
}
