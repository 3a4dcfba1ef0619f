package control_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulkhead/supervisor/control"
)

var fleet = []control.ID{
	{Group: "app", Name: "web", Program: "web"},
	{Group: "app", Name: "worker_00", Program: "worker"},
	{Group: "app", Name: "worker_01", Program: "worker"},
	{Group: "cat", Name: "cat", Program: "cat"},
	{Group: "queue", Name: "queue_00", Program: "queue"},
	{Group: "queue", Name: "queue_01", Program: "queue"},
}

func TestMatch(t *testing.T) {
	badName := func(n string) control.Outcome { return control.Outcome{Name: n, Fault: control.BadName} }
	badGroup := func(n string) control.Outcome { return control.Outcome{Name: n, Fault: control.BadGroup} }
	for _, tt := range []struct {
		patterns string
		found    string
		bad      []control.Outcome
	}{
		{"cat", "cat", nil},
		{"cat:cat", "cat", nil},
		{"cat:*", "cat", nil},
		{"queue:queue_01", "queue:queue_01", nil},
		{"queue:*", "queue:queue_00 queue:queue_01", nil},
		{"queue:", "queue:queue_00 queue:queue_01", nil},
		{"queue", "queue:queue_00 queue:queue_01", nil}, // a program's name
		{"worker", "app:worker_00 app:worker_01", nil},  // in a group of another name
		{"web", "app:web", nil},                         //
		{"app", "", []control.Outcome{badName("app")}},  // a group is no program
		{"queue_00", "", []control.Outcome{badName("queue_00")}},
		{"app:worker", "", []control.Outcome{badName("app:worker")}},
		{"queue:nope", "", []control.Outcome{badName("queue:nope")}},
		{"nope", "", []control.Outcome{badName("nope")}},
		{"nope:nope", "", []control.Outcome{badName("nope")}}, // printed bare, as supervisorctl does
		{"nope:*", "", []control.Outcome{badGroup("nope")}},
		{"nope:", "", []control.Outcome{badGroup("nope")}},
		{":", "", []control.Outcome{badGroup("")}},
		{"queue:*:x", "", []control.Outcome{badName("queue:*:x")}},
		{"queue:queue_01 cat", "queue:queue_01 cat", nil}, // as named, not as listed
		{"cat cat queue:queue_00 queue:*", "cat queue:queue_00 queue:queue_01", nil},
		{"nope cat gone:*", "cat", []control.Outcome{badName("nope"), badGroup("gone")}},
		{"nope all", "app:web app:worker_00 app:worker_01 cat queue:queue_00 queue:queue_01", nil},
		{"", "", nil},
	} {
		t.Run(tt.patterns, func(t *testing.T) {
			at, bad := control.Match(strings.Fields(tt.patterns), fleet)
			var names []string
			for _, i := range at {
				names = append(names, control.FullName(fleet[i].Group, fleet[i].Name))
			}
			if got := strings.Join(names, " "); got != tt.found {
				t.Errorf("found %q, want %q", got, tt.found)
			}
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Errorf("bad (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for patterns, want := range map[string]bool{
		"app:web": true, "nope app:web": true,
		"web": false, "app": false, "app:*": false, "app:": false, "all": false, "cat": false, "": false,
	} {
		if got := control.Names(strings.Fields(patterns), fleet[0]); got != want {
			t.Errorf("%q: %v", patterns, got)
		}
	}
	if !control.Names([]string{"cat"}, fleet[3]) {
		t.Error("a bare name is the instance's whose group has it, too")
	}
}

// Every instance is found by the name it is printed with, and by no other's.
func TestMatchFindsWhatIsPrinted(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "ab", "a_00", "a_01", "all_", "*"})
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) control.ID {
			return control.ID{Group: word.Draw(t, "group"), Name: word.Filter(notStar).Draw(t, "name"), Program: word.Draw(t, "program")}
		}), func(id control.ID) string { return id.Group + ":" + id.Name }).Draw(t, "ids")
		for i, id := range ids {
			at, bad := control.Match([]string{control.FullName(id.Group, id.Name)}, ids)
			if !slices.Equal(at, []int{i}) || bad != nil {
				t.Fatalf("%v matched %v, %v", id, at, bad)
			}
		}
	})
}

func notStar(s string) bool { return s != "*" }
