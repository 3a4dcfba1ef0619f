package conf

import (
	"fmt"
	"strings"
	"testing"
)

// programsIn makes a config of programs and groups: "a b g=b".
func programsIn(t *testing.T, words string) *Config {
	t.Helper()
	var text strings.Builder
	for word := range strings.FieldsSeq(words) {
		name, rest, group := strings.Cut(word, "=")
		if group {
			fmt.Fprintf(&text, "[groups.%s]\nprograms = ['%s']\n", name, strings.ReplaceAll(rest, ",", "', '"))
			continue
		}
		name, command, _ := strings.Cut(name, ":")
		fmt.Fprintf(&text, "[programs.%s]\ncommand = 'x%s'\n", name, command)
	}
	return mustRead(t, text.String())
}

func TestChangesByGroup(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"a b", "a b", "[] [] []"},
		{"a b", "a c", "[c] [] [b]"},
		{"a b", "a b:2", "[] [b] []"},
		{"a b g=a,b", "a b:2 g=a,b", "[] [g] []"},
		{"a b g=a,b", "a b c g=a,b,c", "[] [g] []"},
		{"a b g=a,b", "a b g=a", "[b] [g] []"},
		{"a b g=a,b", "a b", "[a b] [] [g]"},
		{"a g=a h=a", "a g=a", "[] [] [h]"},
		{"a g=a", "a g=a h=a", "[h] [] []"},
	} {
		old, new := programsIn(t, tc.old), programsIn(t, tc.new)
		added, changed, removed := Diff(old, new).Groups(old, new)
		if got := fmt.Sprint(added, changed, removed); got != tc.want {
			t.Errorf("%s to %s: %s, want %s", tc.old, tc.new, got, tc.want)
		}
	}
}

func TestProgramInSeveralGroups(t *testing.T) {
	c := mustRead(t, `
[programs.x]
command = "echo %(group_name)s %(program_name)s"
[groups.b]
programs = ["x"]
priority = 1
[groups.a]
programs = ["x"]
`)
	var got []string
	for _, p := range c.Programs {
		in := p.Instances[0]
		got = append(got, fmt.Sprint(p.Name, " ", in.FullName(), " ", in.Argv, p.GroupPriority, c.ProgramsOf(p.GroupName)))
	}
	if want := "x b:x [echo b x] 1 [x]; x@a a:x [echo a x] 999 [x@a]"; strings.Join(got, "; ") != want {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "; "), want)
	}
	p := c.Programs[1]
	if scaled, err := p.WithNumprocs(2); err != nil || scaled.Instances[1].FullName() != "a:x_01" || scaled.Name != "x@a" {
		t.Errorf("scaled it is %+v (%v)", scaled, err)
	}
}
