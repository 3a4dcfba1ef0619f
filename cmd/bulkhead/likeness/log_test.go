package likeness_test

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestLog compares the set of lines that the two print in the foreground during
// the same life, from the start to SIGTERM.
func TestLog(t *testing.T) {
	t.Parallel()
	steps := script(t, "log/script.txt")
	a, b := both(t, "log", steps, func(d *daemon) []fact {
		if err := d.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			d.t.Fatal(err)
		}
		d.awaitLog("logreopen")
		d.stop()
		return lines(d.mask(d.out.String()))
	})
	known := differences(t)
	mustBeAlike(t, known, "log", ours(t).name, a, b)
	known.mustBeUsed(t, "log")
}

var waiting = regexp.MustCompile(`waiting for .* to (die|stop)`)

// lines is each line as a fact of its own, once. Those that tell of waiting
// depend on how long it took.
func lines(log string) []fact {
	all := strings.Split(strings.TrimSpace(log), "\n")
	all = slices.DeleteFunc(all, func(l string) bool { return waiting.MatchString(l) })
	slices.Sort(all)
	var facts []fact
	for _, l := range slices.Compact(all) {
		facts = append(facts, fact{l, "printed"})
	}
	return facts
}
