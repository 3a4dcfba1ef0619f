package likeness_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/supervisord-differences.md")

// parts are what is compared, as the table and the page call them.
var parts = []struct{ name, title string }{
	{"ctl", "What supervisorctl prints"},
	{"own", "What `bulkhead ctl` prints of a supervisord"},
	{"both", "What `bulkhead ctl` prints of a bulkhead"},
	{"rpc", "What XML-RPC and HTTP answer"},
	{"states", "State sequences"},
	{"ini", "Configuration files, environment and arguments of children"},
	{"listeners", "Event listeners"},
	{"log", "Foreground log lines"},
}

// difference is an entry of testdata/differences.txt: one that is accepted.
type difference struct {
	part, at, theirs, ours, reason string
	used                           bool
}

// table is all that are accepted.
type table struct {
	mu      sync.Mutex
	entries []*difference
}

const differencesFile = "testdata/differences.txt"

// differences reads the table.
func differences(t *testing.T) *table {
	t.Helper()
	text, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := parseDifferences(string(text))
	if err != nil {
		t.Fatalf("cannot read %q: %v", differencesFile, err)
	}
	return &table{entries: entries}
}

// parseDifferences reads paragraphs of "key  value" lines; a line that is
// indented goes on with the value above.
func parseDifferences(text string) ([]*difference, error) {
	var all []*difference
	var now *difference
	var last *string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case strings.TrimSpace(line) == "":
			now, last = nil, nil
			continue
		case strings.HasPrefix(line, " ") && last != nil:
			*last += "\n" + strings.TrimPrefix(line, "        ")
			continue
		}
		if now == nil {
			now = &difference{}
			all = append(all, now)
		}
		key, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		fields := map[string]*string{"part": &now.part, "at": &now.at, "theirs": &now.theirs, "ours": &now.ours, "reason": &now.reason}
		if last = fields[key]; last == nil || *last != "" {
			return nil, fmt.Errorf("line %d: unknown or repeated key %q", i+1, key)
		}
		*last = value
	}
	for _, d := range all {
		if d.at == "" || d.theirs == "" || d.ours == "" || d.reason == "" || d.theirs == d.ours || !isPart(d.part) {
			return nil, fmt.Errorf("an entry wants part, at, theirs, ours and reason, and to differ: %+v", *d)
		}
	}
	return all, nil
}

func isPart(name string) bool {
	for _, p := range parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// knows reports whether the difference is an accepted one, and marks it used.
func (k *table) knows(part string, u unlike) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range k.entries {
		if d.part == part && like(d.at, u.at) && like(d.theirs, u.theirs) && like(d.ours, u.ours) {
			d.used = true
			return true
		}
	}
	return k.knowsLines(part, u)
}

// anyLine is the place of entries about one line of a text, wherever it comes.
const anyLine = "any line"

// knowsLines reports whether two texts have the same number of lines and entries
// about a line name every pair of them that is not equal.
func (k *table) knowsLines(part string, u unlike) bool {
	theirs, ours := strings.Split(u.theirs, "\n"), strings.Split(u.ours, "\n")
	if len(theirs) != len(ours) {
		return false
	}
	var needed []*difference
	for i, line := range theirs {
		if line == ours[i] {
			continue
		}
		at := slices.IndexFunc(k.entries, func(d *difference) bool {
			return d.part == part && d.at == anyLine && like(d.theirs, line) && like(d.ours, ours[i]) &&
				begin(d.theirs, line) == begin(d.ours, ours[i])
		})
		if at < 0 {
			return false
		}
		needed = append(needed, k.entries[at])
	}
	for _, d := range needed {
		d.used = true
	}
	return true
}

// begin is what stands for the … that a pattern begins with.
func begin(pattern, line string) string {
	rest, ok := strings.CutPrefix(pattern, "…")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "…")
	text, _, _ := strings.Cut(line, first)
	return text
}

// mustBeUsed fails the test for entries of the part that nothing needed.
func (k *table) mustBeUsed(t *testing.T, part string) {
	t.Helper()
	for _, d := range k.entries {
		if d.part == part && !d.used {
			t.Errorf("%s has an entry that is true no more: %s, %s", differencesFile, part, d.at)
		}
	}
}

// like reports whether text is the pattern, in which … stands for anything.
// Spaces around either do not count.
func like(pattern, text string) bool {
	text = strings.TrimSpace(text)
	pieces := strings.Split(strings.TrimSpace(pattern), "…")
	if len(pieces) == 1 {
		return pieces[0] == text
	}
	text, ok := strings.CutPrefix(text, pieces[0])
	if !ok || !strings.HasSuffix(text, pieces[len(pieces)-1]) {
		return false
	}
	text = strings.TrimSuffix(text, pieces[len(pieces)-1])
	for _, p := range pieces[1 : len(pieces)-1] {
		if _, text, ok = strings.Cut(text, p); !ok {
			return false
		}
	}
	return true
}

// TestDifferences says how the table is read, and that it accepts what it names alone.
func TestDifferences(t *testing.T) {
	entries, err := parseDifferences("# a comment\npart    ctl\nat      tail …\ntheirs  exit 0\n        one\nours    exit 1\nreason  why\n")
	if err != nil {
		t.Fatal(err)
	}
	k := &table{entries: entries}
	for _, c := range []struct {
		part string
		u    unlike
		want bool
	}{
		{"ctl", unlike{"tail x", "exit 0\none\n", "exit 1\n"}, true},
		{"rpc", unlike{"tail x", "exit 0\none\n", "exit 1\n"}, false},
		{"ctl", unlike{"head x", "exit 0\none\n", "exit 1\n"}, false},
		{"ctl", unlike{"tail x", "exit 0\ntwo\n", "exit 1\n"}, false},
		{"ctl", unlike{"tail x", "exit 0\none\n", "exit 2\n"}, false},
	} {
		entries[0].used = false
		if got := k.knows(c.part, c.u); got != c.want || entries[0].used != c.want {
			t.Errorf("%s %v: known %v, used %v", c.part, c.u, got, entries[0].used)
		}
	}
	lines, err := parseDifferences("part ctl\nat any line\ntheirs …UP   T\nours …UP   T, why…\nreason x\n")
	if err != nil {
		t.Fatal(err)
	}
	k = &table{entries: lines}
	for _, c := range []struct {
		u    unlike
		want bool
	}{
		{unlike{"a", "exit 0\na  UP   T\nb  DOWN\n", "exit 0\na  UP   T, why not\nb  DOWN\n"}, true},
		{unlike{"a", "exit 0\na  UP   T\n", "exit 0\nb  UP   T, why not\n"}, false}, // of another
		{unlike{"a", "exit 0\na  UP   T\n", "exit 1\na  UP   T, why not\n"}, false},
		{unlike{"a", "exit 0\na  UP   T\n", "exit 0\na  UP   T, why not\nmore\n"}, false},
		{unlike{"a", "exit 0\na  UP   T\n", "exit 0\na  UP   T, because\n"}, false},
	} {
		lines[0].used = false
		if got := k.knows("ctl", c.u); got != c.want || lines[0].used != c.want {
			t.Errorf("%v: known %v, used %v", c.u, got, lines[0].used)
		}
	}
	for pattern, texts := range map[string][2]string{
		"a…c":   {"abc", "abd"},
		"a…b…c": {"a1b2c", "a1c"},
		"…":     {"anything", ""},
		"ab…b":  {"abb", "ab"},
	} {
		if !like(pattern, texts[0]) || pattern != "…" && like(pattern, texts[1]) {
			t.Errorf("%q: %v", pattern, texts)
		}
	}
	for _, bad := range []string{"part ctl\nat x\n", "part none\nat x\ntheirs 1\nours 2\nreason y\n", "part ctl\nat x\ntheirs 1\nours 1\nreason y\n", "what x\n"} {
		if _, err := parseDifferences(bad); err == nil {
			t.Errorf("%q is taken for a table", bad)
		}
	}
}

const differencesPage = "../../../docs/supervisord-differences.md"

// page is docs/supervisord-differences.md.
func page(entries []*difference) string {
	var b strings.Builder
	b.WriteString("<!-- Generated by cmd/bulkhead/likeness/differences_test.go. Do not edit. -->\n\n# Differences from supervisord\n\n" +
		"Tests set Debian's supervisord 4.2.5 and bulkhead side by side: the same files, the same calls, the same programs. These are\n" +
		"all the differences that they find, each with its reason. Process ids, times and folders are masked, and so is the memory that\n" +
		"`bulkhead ctl status` adds (`, mem 12M/256M`); … is any text, and \"any line\" a line of any text.\n")
	for _, p := range parts {
		var of []*difference
		for _, d := range entries {
			if d.part == p.name {
				of = append(of, d)
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n", p.title)
		if len(of) == 0 {
			b.WriteString("None.\n")
			continue
		}
		slices.SortStableFunc(of, func(x, y *difference) int { return cmp.Compare(x.at, y.at) })
		b.WriteString("| where | supervisord | bulkhead | why |\n|---|---|---|---|\n")
		for _, d := range of {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(d.at), cell(d.theirs), cell(d.ours), strings.ReplaceAll(d.reason, "\n", " "))
		}
	}
	return b.String()
}

// cell is a text that keeps its lines in a cell of a table.
func cell(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		lines = append(lines, "`"+strings.ReplaceAll(line, "|", `\|`)+"`")
	}
	return strings.Join(lines, "<br>")
}

// TestDifferencesPage compares the page with the table.
func TestDifferencesPage(t *testing.T) {
	want := page(differences(t).entries)
	if *update {
		if err := os.WriteFile(differencesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(differencesPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: go test ./cmd/bulkhead/likeness -run TestDifferencesPage -update", differencesPage)
	}
}
