package likeness_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestStates compares what a listener on PROCESS_STATE is told of programs that
// end in every way: for each process the states it passed, in their order. When
// each happened is not compared.
func TestStates(t *testing.T) {
	t.Parallel()
	steps := script(t, "states/script.txt")
	a, b := both(t, "states", steps, func(d *daemon) []fact { return sequences(d.read("out/states")) })
	known := differences(t)
	mustBeAlike(t, known, "states", ours(t).name, a, b)
	known.mustBeUsed(t, "states")
}

// read is a file of the daemon's folder, masked.
func (d *daemon) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return d.mask(string(text))
}

var noteOf = regexp.MustCompile(`^(\S+) processname:(\S+) groupname:\S+ (.*)$`)

// sequences are the notes of notes.py, for each process those about it.
func sequences(notes string) []fact {
	of := map[string][]string{}
	var names []string
	for line := range strings.SplitSeq(strings.TrimSuffix(notes, "\n"), "\n") {
		name, text := "not understood", line
		if m := noteOf.FindStringSubmatch(line); m != nil {
			name, text = m[2], strings.TrimPrefix(m[1], "PROCESS_STATE_")+" "+m[3]
		}
		if of[name] == nil {
			names = append(names, name)
		}
		of[name] = append(of[name], text)
	}
	slices.Sort(names)
	var all []fact
	for _, name := range names {
		all = append(all, fact{name, strings.Join(of[name], "\n")})
	}
	return all
}
