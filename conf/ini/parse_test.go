package ini

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are texts in which Python's parser has its ways.
var samples = []string{
	"[a]\nx=1\n",
	"[a]\nX = 1\n y\nY: 2\n",
	"[a]\nx:=1\ny=:2\nz == 3\n",
	"[a]\nx=\ny =\nz:\n",
	"[a]\nx=one\n  two\n\n  three\n\n\ny=4\n",
	"[a]\nx=one\n; whole line\n  two\n# also\n  three ; inline\n",
	"[a]\nx=a;b#c\ny=a ;b\nz=a\t#b\nw=;b\nv= #b\n",
	"[a]\nx=a;b ;c #d\ny=a#b #c ;d\nz=a;b;c #d\nw=a#b#c ;d ;e\n",
	"[a]\nx=1\n[b]\nx=2\n[a]\nx=3\ny=4\n",
	"[a]\nx=1\nX=2\nx=3\n",
	"[A]\nx=1\n[a]\nx=2\n",
	"[a]b\nx=1\n[c]]\ny=2\n[d] ; comment\nz=3\n",
	"  [a]\n  x=1\n   y\n  z=2\n",
	"[a]\nx=1\n  [b]\n  y=2\n",
	"[DEFAULT]\nx=1\ny=2\n[a]\nx=3\n[b]\n",
	"[a]\nx=1\r\ny=2\r\n  3\r\n",
	"[a]\rx=1\ry=2\r",
	"[a]\nx= \"quoted\" \ny='q ; r'\n",
	"[a]\nenvironment=A=\"1\",\n  B=\"2\",\n  C=\"3\"\n",
	"[a]\nkey with space = 1\nx\u00a0y\u00a0=\u00a01\n",
	"[a]\nx=1\n\n\n",
	"[a]\nx=1\n   \n  y\n",
	"[a]\nx=ä ;ö\ny=ä;ö\n",
	"[]\n",
	"x=1\n",
	"[a]\njust words\n",
	"[a]\n=1\n  more\n",
	"[a]\nx=1\nbroken\n  deeper\n",
	"\ufeff[a]\nx=1\n",
	"; nothing\n\n# at all\n",
	"",
	"[a]\n[b]\n",
	"[a]\nx=1\n[a]\n  deeper=2\n",
	"[a]\nx=\x1cv\x1f\ny=1\x0b;c\n",
	"[program:x]\ncommand=sh -c 'a ; b'\n",
	"[a]\nx:y=1\nx=y:1\n",
}

type parsed struct {
	Error    string
	Sections [][2]any
}

func TestParseIsPython(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, text := range samples {
		name := filepath.Join(dir, fmt.Sprintf("%02d.conf", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	cmd := exec.Command("/usr/bin/python3", append([]string{"testdata/parse.py"}, files...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot run supervisord's parser: %v", err)
	}
	var want []parsed
	if err := json.Unmarshal(out, &want); err != nil || len(want) != len(samples) {
		t.Fatalf("%d results: %v", len(want), err)
	}
	for i, text := range samples {
		d := &Document{}
		errors := d.Parse(files[i], text)
		if (want[i].Error != "") != (len(errors) > 0) {
			t.Errorf("%q: Python says %q, we %v", text, want[i].Error, errors)
			continue
		}
		if len(errors) > 0 {
			continue
		}
		if diff := cmp.Diff(sections(want[i]), sectionsOf(d)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

type section struct {
	Name string
	Keys map[string]string
}

func sections(p parsed) []section {
	var all []section
	for _, s := range p.Sections {
		keys := map[string]string{}
		for k, v := range s[1].(map[string]any) {
			keys[k] = v.(string)
		}
		all = append(all, section{s[0].(string), keys})
	}
	return all
}

func sectionsOf(d *Document) []section {
	var all []section
	for _, s := range d.Sections {
		keys := map[string]string{}
		for _, v := range s.Values() {
			keys[v.Key] = v.Text
		}
		all = append(all, section{s.Name, keys})
	}
	return all
}

func TestFilesMerge(t *testing.T) {
	d := &Document{}
	d.Parse("main", "[a]\nx=1\ny=2\n")
	d.Parse("more", "\n[b]\nz=1\n[a]\nx=3\n")
	type at struct {
		text, file string
		line       int
	}
	got := map[string]at{}
	for _, s := range d.Sections {
		got[s.Name] = at{"", s.File, s.Line}
		for _, v := range s.Values() {
			got[s.Name+"."+v.Key] = at{v.Text, v.File, v.Line}
		}
	}
	want := map[string]at{
		"a": {"", "main", 1}, "a.x": {"3", "more", 5}, "a.y": {"2", "main", 3},
		"b": {"", "more", 2}, "b.z": {"1", "more", 3},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(at{})); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsAreAllThere(t *testing.T) {
	d := &Document{}
	got := d.Parse("f", "x=1\n[a]\nwords\n=3\ny=4\n")
	want := []Error{
		{"f", 1, `there is no section header above "x=1"`},
		{"f", 3, `"words" is neither a [section] nor KEY = VALUE`},
		{"f", 4, `"=3" has no key before its "="`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzINI: any text ends in sections or errors with a line; every value that is
// found has a place in the text.
func FuzzINI(f *testing.F) {
	for _, text := range samples {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := &Document{}
		for _, e := range d.Parse("f", text) {
			if e.Line < 1 || e.Message == "" {
				t.Errorf("an error without a place or a text: %+v", e)
			}
		}
		for _, s := range d.Sections {
			for _, v := range s.Values() {
				if v.Line < 1 || v.Key == "" || s.Get(v.Key) != v {
					t.Errorf("[%s] has a value that cannot be: %+v", s.Name, v)
				}
			}
		}
	})
}
