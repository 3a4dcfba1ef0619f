package likeness_test

import (
	"strings"
	"testing"
)

// TestRPC makes every call of XML-RPC to both daemons and compares structure,
// types, values and faults.
func TestRPC(t *testing.T) {
	t.Parallel()
	steps := script(t, "rpc/script.txt")
	called := map[string]bool{}
	for _, s := range steps {
		called[s.Method] = true
	}
	a, b := both(t, "rpc", steps, nil)
	known := differences(t)
	mustBeAlike(t, known, "rpc", ours(t).name, a, b)
	known.mustBeUsed(t, "rpc")
	// The list of methods is supervisord's own, so that none is forgotten here.
	for _, f := range a {
		method, listed := strings.CutPrefix(f.said, "string ")
		if listed && strings.HasPrefix(f.at, "rpc system.listMethods =[") && !called[method] {
			t.Errorf("%s is never called", method)
		}
	}
}

// both starts supervisord and ours on the config of a folder, plays a script to
// each through Debian's supervisorctl, and adds what more is seen.
func both(t *testing.T, from string, steps []step, more func(*daemon) []fact) (a, b []fact) {
	t.Helper()
	played := t.Run("play", func(t *testing.T) {
		for s, into := range map[side]*[]fact{theirs: &a, ours(t): &b} {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				d := start(t, s, from)
				*into = d.play(theirs.supervisorctl(), steps)
				if more != nil {
					*into = append(*into, more(d)...)
				}
			})
		}
	})
	if !played {
		t.FailNow() // half a life cannot be compared
	}
	return a, b
}
