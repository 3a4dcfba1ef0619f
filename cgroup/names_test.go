package cgroup

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"queue", "queue"},
		{"queue_03", "queue_03"},
		{"a-b", "a-b"},
		{"", "%"},
		{".", "%2E"},
		{"..", "%2E%2E"},
		{"a/b", "a%2Fb"},
		{"a b\n", "a%20b%0A"},
		{"%", "%25"},
		{"~", "%7E"},
		{"größe", "gr%C3%B6%C3%9Fe"},
		{"memory", "%6Demory"},
		{"cgroup", "%63group"},
		{"memory.max", "memory%2Emax"},
		{"Memory", "Memory"},
		{"supervisor", "supervisor"},
	} {
		if got := escape(c.name); got != c.want {
			t.Errorf("escape(%q) = %q, want %q", c.name, got, c.want)
		}
		if back, ok := unescape(c.want); !ok || back != c.name {
			t.Errorf("unescape(%q) = %q, %v, want %q", c.want, back, ok, c.name)
		}
	}
}

func TestUnescapeRefusesWhatEscapeNeverMakes(t *testing.T) {
	for _, dir := range []string{"", "a.b", "%2", "%zz", "%6a", "%61", "memory", "a~b", escape(strings.Repeat("x", 300))} {
		if name, ok := unescape(dir); ok {
			t.Errorf("unescape(%q) = %q, want refusal", dir, name)
		}
	}
}

func TestEscapeProperties(t *testing.T) {
	names := rapid.OneOf(
		rapid.StringMatching(`[a-z_.%~/]{0,12}`),
		rapid.SampledFrom([]string{"cpu", "memory", "io", "..", "."}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(225, 260), func(n int) string { return strings.Repeat("n", n) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		dir := runDir(a, rapid.Uint64().Draw(t, "run"))
		e := escape(a)
		if len(dir) > 255 || strings.ContainsAny(e, "./\n\x00") || e == "" || reserved[e] {
			t.Fatalf("escape(%q) = %q is not safe", a, e)
		}
		if (e == escape(b)) != (a == b) {
			t.Fatalf("%q and %q share the directory %q", a, b, e)
		}
		back, ok := unescape(e)
		if ok && back != a || !ok && len(a)*3 <= maxName {
			t.Fatalf("unescape(%q) = %q, %v, want %q", e, back, ok, a)
		}
	})
}

func TestRunDir(t *testing.T) {
	for _, c := range []struct {
		dir, instance string
		run           uint64
		ok            bool
	}{
		{"queue_03.7", "queue_03", 7, true},
		{"%6Demory.0", "memory", 0, true},
		{"q.18446744073709551615", "q", 18446744073709551615, true},
		{"q.18446744073709551616", "", 0, false},
		{"q", "", 0, false},
		{"q.", "", 0, false},
		{".7", "", 0, false},
		{"q.07", "", 0, false},
		{"q.+7", "", 0, false},
		{"a.b.7", "", 0, false},
		{"memory.max", "", 0, false},
	} {
		instance, run, ok := parseRunDir(c.dir)
		if instance != c.instance || run != c.run || ok != c.ok {
			t.Errorf("parseRunDir(%q) = %q, %d, %v", c.dir, instance, run, ok)
		}
		if ok && runDir(instance, run) != c.dir {
			t.Errorf("runDir(%q, %d) = %q, want %q", instance, run, runDir(instance, run), c.dir)
		}
	}
}

func FuzzRunDir(f *testing.F) {
	f.Add("queue_03.7")
	f.Add("%6Demory.1")
	f.Add("x~0.2")
	f.Fuzz(func(t *testing.T, dir string) {
		instance, run, ok := parseRunDir(dir)
		if !ok {
			return
		}
		esc, _, _ := strings.Cut(dir, ".")
		if _, exact := unescape(esc); exact && runDir(instance, run) != dir {
			t.Errorf("parseRunDir(%q) = %q, %d, which is %q", dir, instance, run, runDir(instance, run))
		}
	})
}
