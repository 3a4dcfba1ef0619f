package likeness_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// fact is one thing that a daemon or a client showed: where, and what.
type fact struct{ at, said string }

// nothing is what a side said that did not come to that place.
const nothing = "(nothing)"

// unlike is a fact that the two sides disagree about.
type unlike struct{ at, theirs, ours string }

// compare finds what two lists of facts disagree about, in their order. A place
// that comes twice is told apart by its number.
func compare(theirs, ours []fact) []unlike {
	theirs, ours = numbered(theirs), numbered(ours)
	said := map[string]string{}
	for _, f := range ours {
		said[f.at] = f.said
	}
	var all []unlike
	known := map[string]bool{}
	for _, f := range theirs {
		known[f.at] = true
		if got, ok := said[f.at]; !ok {
			all = append(all, unlike{f.at, f.said, nothing})
		} else if got != f.said {
			all = append(all, unlike{f.at, f.said, got})
		}
	}
	for _, f := range ours {
		if !known[f.at] {
			all = append(all, unlike{f.at, nothing, f.said})
		}
	}
	return all
}

func numbered(facts []fact) []fact {
	seen := map[string]int{}
	out := make([]fact, 0, len(facts))
	for _, f := range facts {
		seen[f.at]++
		if n := seen[f.at]; n > 1 {
			f.at = fmt.Sprintf("%s (%d)", f.at, n)
		}
		out = append(out, f)
	}
	return out
}

// mustBeAlike fails the test for every difference that the table does not name.
// who says which daemon and client the second list is of.
func mustBeAlike(t *testing.T, known *table, part, who string, theirs, ours []fact) {
	t.Helper()
	if len(theirs) == 0 {
		t.Errorf("%s: there is nothing to compare", who)
	}
	for _, u := range compare(theirs, ours) {
		if !known.knows(part, u) {
			t.Errorf("%s: %s\n%s", who, u.at, sideBySide("supervisord", u.theirs, "ours", u.ours))
		}
	}
}

// sideBySide shows two texts: their first lines, and those that differ.
func sideBySide(leftName, left, rightName, right string) string {
	l, r := strings.Split(strings.TrimSpace(left), "\n"), strings.Split(strings.TrimSpace(right), "\n")
	line := func(of []string, i int) string {
		if i < len(of) {
			return of[i]
		}
		return ""
	}
	width := len(leftName)
	for _, s := range l {
		width = max(width, min(utf8.RuneCountInString(s), 70))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    %-*s   %s\n", width, leftName, rightName)
	for i := range max(len(l), len(r)) {
		switch a, c := line(l, i), line(r, i); {
		case a != c:
			fmt.Fprintf(&b, "    %-*s ≠ %s\n", width, a, c)
		case i == 0:
			fmt.Fprintf(&b, "    %-*s   %s\n", width, a, c)
		}
	}
	return b.String()
}

// TestCompare says what counts as a difference.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name         string
		theirs, ours []fact
		want         string
	}{
		{"equal", []fact{{"a", "1"}, {"b", "2"}}, []fact{{"a", "1"}, {"b", "2"}}, "[]"},
		{"another word", []fact{{"a", "1"}}, []fact{{"a", "2"}}, "[{a 1 2}]"},
		{"nothing of ours", []fact{{"a", "1"}, {"b", "2"}}, []fact{{"a", "1"}}, "[{b 2 (nothing)}]"},
		{"more of ours", []fact{{"a", "1"}}, []fact{{"a", "1"}, {"b", "2"}}, "[{b (nothing) 2}]"},
		{"the same place twice", []fact{{"a", "1"}, {"a", "2"}}, []fact{{"a", "1"}, {"a", "3"}}, "[{a (2) 2 3}]"},
	} {
		if got := fmt.Sprint(compare(c.theirs, c.ours)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
