package conf

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestScanLines(t *testing.T) {
	src := strings.Join([]string{
		`# comment = 1 [not]`,                  // 1
		`a.b = "x # = y" # tail`,               // 2
		`"quoted.key" = 'it''`,                 // 3 (broken on purpose)
		`"tab\tkey" = """`,                     // 4
		`fake = 1 \"""`,                        // 5
		`still""""" # five quotes`,             // 6
		`list = [ 1, "]", [ '}' ], # ] here`,   // 7
		`  { in = 1, deep.er = { x = "," } },`, // 8
		`]`,                                    // 9
		`[ t . "u v" ] # header`,               // 10
		`lit = '''`,                            // 11
		`[fake]`,                               // 12
		`'''`,                                  // 13
		`p = { a = 1, "b" = [2], c.d = 3 }`,    // 14
		`date = 1979-05-27T07:32:00Z`,          // 15
		`[[arr]]`,                              // 16
		`k = 1`,                                // 17
		`[[arr]]`,                              // 18
		`k = 2`,                                // 19
		"crlf = \"x\"\r",                       // 20
		`five = ["""a"""", '', 1]`,
		`last = 1`, // 21
	}, "\n")
	got := scanLines(src)
	for path, line := range map[string]int{
		"a": 2, "a b": 2, "quoted.key": 3, "tab\tkey": 4,
		"list": 7, "list in": 8, "list deep er": 8, "list deep er x": 8,
		"t": 10, "t u_v": 10, "t u_v lit": 11,
		"t u_v p": 14, "t u_v p a": 14, "t u_v p b": 14, "t u_v p c d": 14, "t u_v date": 15,
		"arr": 16, "arr k": 17, "arr 0": 16, "arr 0 k": 17, "arr 1": 18, "arr 1 k": 19, "arr 1 crlf": 20, "arr 1 five": 21, "arr 1 last": 22,
		"fake": 0, "t u_v fake": 0, "comment": 0,
	} {
		keys := strings.Split(path, " ")
		for i := range keys {
			keys[i] = strings.ReplaceAll(keys[i], "_", " ")
		}
		if got[joinPath(keys)] != line {
			t.Errorf("%q is on line %d, want %d", path, got[joinPath(keys)], line)
		}
	}
	if line := got.of([]string{"t", "u v", "p", "missing", "deeper"}); line != 14 {
		t.Errorf("the nearest known prefix is on line %d, want 14", line)
	}
	if line := got.of([]string{"nowhere"}); line != 0 {
		t.Errorf("line %d for what is not there", line)
	}
}

// Whatever the TOML parser takes, every key it found has a line; whatever it
// does not take ends without a panic.
func FuzzScanLines(f *testing.F) {
	for _, seed := range fuzzSeeds(f) {
		f.Add(seed)
	}
	f.Add("a.\"b\\u0041\".'c' = [ { d = '''\n''' }, [[{e=1}]] ]\n[[x.y]]\nz=\"\"\"a\\\n  b\"\"\"\"\"")
	f.Fuzz(func(t *testing.T, src string) {
		found := scanLines(src)
		max := strings.Count(src, "\n") + 1
		for key, line := range found {
			if line < 1 || line > max {
				t.Errorf("%q is on line %d of %d", key, line, max)
			}
		}
		var table map[string]any
		md, err := toml.Decode(src, &table)
		if err != nil {
			return
		}
		for _, key := range md.Keys() {
			if len(key) <= maxPath && found[joinPath(key)] == 0 && !nested(key, table) {
				t.Errorf("no line for %q in %q", key, src)
			}
		}
	})
}

// nested says that an array deeper than the scanner follows may hold the key.
func nested(key toml.Key, table map[string]any) bool {
	var deep func(v any, depth int) bool
	deep = func(v any, depth int) bool {
		switch v := v.(type) {
		case map[string]any:
			for _, inner := range v {
				if deep(inner, depth+1) {
					return true
				}
			}
		case []map[string]any:
			for _, inner := range v {
				if deep(inner, depth+1) {
					return true
				}
			}
		case []any:
			for _, inner := range v {
				if deep(inner, depth+1) {
					return true
				}
			}
		}
		return depth > maxNesting
	}
	return deep(table[key[0]], 0)
}
