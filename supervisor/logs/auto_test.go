package logs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func TestAutoMake(t *testing.T) {
	a := Auto{t.TempDir(), "supervisor"}
	want := map[string]string{}
	for _, of := range [][3]string{{"g:web", "web", "stdout"}, {"h:web", "web", "stdout"}, {"g:web", "web", "stderr"}} {
		key := a.Key(of[0], of[1], of[2])
		path, err := a.Make(key)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^web-` + of[2] + `---supervisor-\w+\.log$`).MatchString(filepath.Base(path)) {
			t.Errorf("it is called %q", path)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("it is %v, %v", info, err)
		}
		want[key] = path
	}
	// Neither a link that waits there nor what is rotated or another's is taken for a log.
	if err := os.Symlink("/etc/passwd", filepath.Join(a.Dir, a.Key("x", "x", "stdout")+"1.log")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{a.Key("y", "y", "stdout") + "1.log.1", Auto{a.Dir, "other"}.Key("y", "y", "stdout") + "1.log"} {
		if err := os.WriteFile(filepath.Join(a.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.Present(); err != nil || !maps.Equal(got, want) || len(got) != 3 {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestAutoRemove(t *testing.T) {
	a := Auto{t.TempDir(), "supervisor"}
	stay := []string{"a-stdout---other-1.log", "a-stdout---supervisor-live.log", "a-stdout---supervisor-live.log.2", "a.log", "a---supervisor-x.logs", "a---supervisor-2-x.log"}
	away := []string{"a-stdout---supervisor-1.log", "a-stderr---supervisor-abc_1.log.1", "b-c-stdout---supervisor-x.log.10"}
	for _, name := range slices.Concat(stay, away) {
		if err := os.WriteFile(filepath.Join(a.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Remove(map[string]bool{filepath.Join(a.Dir, "a-stdout---supervisor-live.log"): true}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	slices.Sort(stay)
	if !slices.Equal(left, stay) {
		t.Errorf("left are %q, want %q", left, stay)
	}
}
