package supervisor

import (
	"slices"
	"strings"
	"testing"

	"bulkhead/conf"
)

// TestOrder: start by priority, then name; stop the other way round, those of
// one priority together.
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		programs string // name priority [group's priority], …
		start    string
		stop     string // batches
	}{
		{"", "", ""},
		{"a 1", "a", "a"},
		{"b 1, a 1", "a b", "b a"},
		{"queue 10, db 1, mail 10, web 5", "db web mail queue", "queue mail | web | db"},
		{"x 999, y -5, z 999", "y x z", "z x | y"},
		{"a 1 10, b 5 1, c 1 1, d 5 1", "c b d a", "a | d b | c"},
	} {
		l := &loop{programs: map[string]*program{}}
		for p := range strings.SplitSeq(tt.programs, ", ") {
			if f := strings.Fields(p); len(f) > 1 {
				c := conf.Program{Name: f[0], Priority: atoi(t, f[1])}
				if len(f) > 2 {
					c.GroupPriority = atoi(t, f[2])
				}
				l.programs[f[0]] = &program{conf: &c}
			}
		}
		order := l.inOrder()
		if got := names(order); got != tt.start {
			t.Errorf("%s: starts %q, want %q", tt.programs, got, tt.start)
		}
		var stop []string
		for _, b := range batches(order) {
			stop = append(stop, names(b))
		}
		if got := strings.Join(stop, " | "); got != tt.stop {
			t.Errorf("%s: stops %q, want %q", tt.programs, got, tt.stop)
		}
		if !slices.Equal(order, l.inOrder()) {
			t.Errorf("%s: batches has changed the order", tt.programs)
		}
	}
}

func names(programs []*program) string {
	var out []string
	for _, p := range programs {
		out = append(out, p.conf.Name)
	}
	return strings.Join(out, " ")
}
