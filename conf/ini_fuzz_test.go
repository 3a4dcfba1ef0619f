package conf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadINI: any text ends in a configuration that can run or in problems,
// each with a text and a hint; and what can run is the same when imported.
func FuzzReadINI(f *testing.F) {
	for _, pattern := range []string{"testdata/ini/*/*.conf", "testdata/ini/good/*/*.conf", "testdata/ini/*.conf"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	env := testEnv()
	env.Cwd = "/tmp"
	env.Environ = iniEnviron
	const path = "/etc/supervisord.conf"
	translate := func(data []byte) *translator {
		t := newTranslator(newReport(), path, env)
		if !t.parse(path, data) || !t.sections(Overrides{}) {
			return &translator{report: t.report}
		}
		return t
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := translate(data)
		var c *Config
		if read.main != nil {
			c = read.resolve()
		}
		if err := read.err(); err != nil {
			for _, p := range err.(*Problems).List {
				if p.Message == "" || p.Hint == "" {
					t.Errorf("a problem without a text or a hint: %+v", p)
				}
			}
			return
		}
		checkConfig(t, c)
		text := translate(data).toml()
		r := newReport()
		doc := r.parse("/etc/bulkhead.toml", []byte(text))
		if doc == nil {
			t.Fatalf("%v in\n%s", r.err(), text)
		}
		again := r.resolve(doc, env)
		if err := r.err(); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(c, again, sameConfig); diff != "" {
			t.Errorf("(-read +imported):\n%s\n%s", diff, text)
		}
	})
}
