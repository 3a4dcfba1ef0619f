package conf

import (
	"slices"
	"strings"
)

// KnownWorker tells which preset is for a command line, if one is, and at how much memory
// the worker ends itself by an option of its own: 0 for none.
func KnownWorker(argv []string) (preset string, memory Bytes, ok bool) {
	for _, w := range workers {
		if slices.ContainsFunc(argv, func(arg string) bool { return slices.Contains(strings.Fields(arg), w.word) }) {
			memory, _ := memoryOption(argv, w.memory)
			return w.preset, memory, true
		}
	}
	return "", 0, false
}
