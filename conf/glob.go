package conf

import (
	"path/filepath"
	"slices"
	"strings"
)

// pythonClasses writes Python's character classes as Go's: "!" negates, "^" and
// a first "]" are letters, and so is a backslash.
var pythonClasses = strings.NewReplacer(`\`, `\\`, `[!]`, `[^\]`, `[!`, `[^`, `[]`, `[\]`, `[^`, `[\^`)

// pythonGlob is Python's glob.glob of a clean, absolute pattern, sorted: no
// wildcard matches a leading dot.
func pythonGlob(pattern string) []string {
	files, err := filepath.Glob(pythonClasses.Replace(pattern))
	if err != nil { // a bracket that is never closed is a letter to Python
		files, _ = filepath.Glob(strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(pattern))
	}
	parts := strings.Split(pattern, "/")
	files = slices.DeleteFunc(files, func(name string) bool {
		for i, part := range strings.Split(name, "/") {
			if i < len(parts) && strings.HasPrefix(part, ".") && !strings.HasPrefix(parts[i], ".") {
				return true
			}
		}
		return false
	})
	slices.Sort(files)
	return files
}
