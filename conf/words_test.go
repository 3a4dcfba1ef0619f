package conf

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                       nil,
		" \t\n":                  nil,
		"php artisan queue:work": {"php", "artisan", "queue:work"},
		"  a\tb\nc  ":            {"a", "b", "c"},
		`'a b' "c d"`:            {"a b", "c d"},
		`a'b'"c"d`:               {"abcd"},
		`'' ""`:                  {"", ""},
		`a\ b \'c\'`:             {"a b", "'c'"},
		`"a\"b\\c\$d\x"`:         {`a"b\c$d\x`},
		`'a\'`:                   {`a\`},
		"a\\\nb \"c\\\nd\"":      {"ab", "cd"},
		"a # no comment":         {"a", "#", "no", "comment"},
		"a; b && c | d > $e *":   {"a;", "b", "&&", "c", "|", "d", ">", "$e", "*"},
		"sh -c 'exit 1'":         {"sh", "-c", "exit 1"},
		"ä 'ö ü'":                {"ä", "ö ü"},
		"a \\\n b":               {"a", "b"},
	} {
		got, err := splitWords(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	for _, in := range []string{`'`, `"`, `a "b`, `"\"`, `a \`, `'a\''`} {
		if got, err := splitWords(in); err == nil {
			t.Errorf("%q is %q", in, got)
		}
	}
}

// Quoted words come back as they were, by each way of quoting.
func TestSplitQuoted(t *testing.T) {
	quotes := []func(string) string{
		func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		func(s string) string { return `"` + doubleQuoter.Replace(s) + `"` },
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		var line []string
		for _, word := range words {
			line = append(line, rapid.SampledFrom(quotes).Draw(t, "quote")(word))
		}
		got, err := splitWords(strings.Join(line, " "))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\x00") != strings.Join(words, "\x00") || len(got) != len(words) {
			t.Fatalf("%q came back as %q", words, got)
		}
	})
}

var doubleQuoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// The shell itself is the judge of words without expansions.
func TestSplitLikeShell(t *testing.T) {
	for _, line := range []string{`a 'b c' "d \" e" f\ g`, `x"y"'z' ""`, "a\\\nb", `"a\b" 'c\d' \e`} {
		out, err := exec.Command("/bin/sh", "-c", `for w in `+line+`; do printf '%s\0' "$w"; done`).Output()
		if err != nil {
			t.Fatal(err)
		}
		words, f := splitWords(line)
		if f != nil {
			t.Fatal(f)
		}
		if got := strings.Join(words, "\x00") + "\x00"; got != string(out) {
			t.Errorf("%q is %q, to the shell %q", line, got, out)
		}
	}
}
