package conf

import (
	"os"
	"path/filepath"
	"testing"
)

// fuzzSeeds are all the files of testdata.
func fuzzSeeds(tb testing.TB) []string {
	var seeds []string
	for _, pattern := range []string{"testdata/*/*.toml", "testdata/*/*/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			seeds = append(seeds, string(data))
		}
	}
	return seeds
}

// Any bytes end in a configuration that can run or in problems, each with a
// text; never in a panic.
func FuzzRead(f *testing.F) {
	for _, seed := range fuzzSeeds(f) {
		f.Add([]byte(seed))
	}
	env := testEnv()
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReport()
		doc := r.parse("/etc/bulkhead.toml", data)
		if doc == nil {
			if r.err() == nil {
				t.Error("neither a document nor a problem")
			}
			return
		}
		if s, ok := doc.table["supervisor"].(map[string]any); ok {
			delete(s, "include") // a pattern may walk the whole disk
		}
		c := r.resolve(doc, env)
		for _, w := range r.warningList() {
			if w.Message == "" {
				t.Errorf("a warning without a text: %+v", w)
			}
		}
		if r.err() == nil {
			checkConfig(t, c)
			return
		}
		for _, p := range r.err().(*Problems).List {
			if p.Message == "" || p.Hint == "" {
				t.Errorf("a problem without a text or a hint: %+v", p)
			}
		}
	})
}

// checkConfig checks the promise of a Config: nothing in it means "unset", and
// it can run.
func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	for _, p := range c.Programs {
		seen := map[string]bool{}
		for _, in := range p.Instances {
			if f := checkName(in.Name); f != nil || seen[in.Name] {
				t.Errorf("bad or repeated name %q", in.Name)
			}
			seen[in.Name] = true
			if len(in.Argv) == 0 || in.Argv[0] == "" {
				t.Errorf("%s has no command", in.Name)
			}
			for _, path := range []string{in.Directory, in.Stdout.Path, in.Stderr.Path} {
				if path != "" && path != "-" && path != Auto && !filepath.IsAbs(path) {
					t.Errorf("relative path %q", path)
				}
			}
		}
		if p.StopSignal < 1 || p.StopSignal > maxSignal || p.AutoRestart == "" || p.Recycle.Parallel < 1 {
			t.Errorf("unset: %+v", p)
		}
		for _, l := range []Limits{p.Limits, p.Total} {
			if l.MemoryMax < minMemory || l.MemoryHigh < minMemory || l.MemoryMin < 0 || l.MemoryMin > l.MemoryMax {
				t.Errorf("bad limits: %+v", l)
			}
		}
		if _, err := p.WithNumprocs(len(p.Instances)); err != nil {
			t.Errorf("the same number of instances again: %v", err)
		}
	}
	if changes := Diff(c, c); !changes.Empty() {
		t.Errorf("differs from itself: %+v", changes)
	}
	if t1 := Budget(c); t1.Promised < 0 {
		t.Errorf("negative promise %v", t1.Promised)
	}
}
