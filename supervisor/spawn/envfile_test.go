package spawn

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnvFile(t *testing.T) {
	outside := Lookup([]string{"HOST=web1", "APP_NAME=outside"})
	for name, c := range map[string]struct {
		text string
		want map[string]string
		err  string
	}{
		"empty":             {"", map[string]string{}, ""},
		"laravel":           {"APP_NAME=Shop\nAPP_KEY=base64:aGk=\n\n# mail\nMAIL_FROM=\"${APP_NAME} Ltd\"\nAPP_URL=https://${HOST}/x\n", map[string]string{"APP_NAME": "Shop", "APP_KEY": "base64:aGk=", "MAIL_FROM": "Shop Ltd", "APP_URL": "https://web1/x"}, ""},
		"no final newline":  {"A=1", map[string]string{"A": "1"}, ""},
		"windows":           {"\xef\xbb\xbfA=1\r\nB=\"2\r\n3\"\r\n", map[string]string{"A": "1", "B": "2\n3"}, ""},
		"blanks":            {"  A = 1 \n\tB\t=\t2\t\n   \n", map[string]string{"A": "1", "B": "2"}, ""},
		"empty values":      {"A=\nB=\"\"\nC=''\nD= # none\nE=#none", map[string]string{"A": "", "B": "", "C": "", "D": "", "E": ""}, ""},
		"comments":          {"#A=1\n; B=2\n  # C\nD=1 # two\nE=a#b\nF='#'\nG=\"#\" #", map[string]string{"D": "1", "E": "a", "F": "#", "G": "#"}, ""},
		"export":            {"export A=1\nexport\tB=2\nexport=3\nexportC=4", map[string]string{"A": "1", "B": "2", "export": "3", "exportC": "4"}, ""},
		"quoted key":        {"'A'=1\n\"B\"=2", map[string]string{"A": "1", "B": "2"}, ""},
		"last wins":         {"A=1\nA=2", map[string]string{"A": "2"}, ""},
		"single is literal": {`A='$x ${HOST} \n "'`, map[string]string{"A": `$x ${HOST} \n "`}, ""},
		"escapes":           {`A="a\"b\\c\$d\ne\tf\rg\fh\vi"`, map[string]string{"A": "a\"b\\c$d\ne\tf\rg\fh\vi"}, ""},
		"escaped variable":  {`A="\${HOST}"`, map[string]string{"A": "${HOST}"}, ""},
		"bare is literal":   {`A=a"b'c\n`, map[string]string{"A": `a"b'c\n`}, ""},
		"unknown variables": {"A=${NONE}\nB=$HOST\nC=${\nD=\"${HOST\"\nE=a$", map[string]string{"A": "${NONE}", "B": "$HOST", "C": "${", "D": "${HOST", "E": "a$"}, ""},
		"file before ours":  {"B=${APP_NAME}\nAPP_NAME=in\nA=${APP_NAME}", map[string]string{"A": "in", "B": "outside", "APP_NAME": "in"}, ""},
		"many lines":        {"A=\"1\n2\"\nB='3\n4'\nC=5", map[string]string{"A": "1\n2", "B": "3\n4", "C": "5"}, ""},
		"equals in value":   {"A==b=c", map[string]string{"A": "=b=c"}, ""},
		"unicode":           {"ÄRGER=ü", map[string]string{"ÄRGER": "ü"}, ""},

		"no equals":          {"A=1\nB\n", nil, `line 2: "B" has no value: write B=`},
		"no key":             {"=1", nil, `line 1: invalid key ""`},
		"bad key":            {"\nA-B=1", nil, `line 2: invalid key "A-B"`},
		"two words":          {"A=1\n\nB=b c\n", nil, `line 3: B: unexpected "c" after the value: put quotes around the whole of it`},
		"after quotes":       {`A="b"c`, nil, `line 1: A: unexpected "c" after the value: put quotes around the whole of it`},
		"open single":        {"A='b\nC=d", nil, `line 1: A: missing closing quote (')`},
		"open double":        {"X=\"1\n2\"\nA=\"b\nC=d", nil, `line 3: A: missing closing quote (")`},
		"open escape":        {`A="b\`, nil, `line 1: A: missing closing quote (")`},
		"unknown escape":     {`A="C:\dir"`, nil, `line 1: A: unknown escape sequence "\\d"`},
		"NUL":                {"A=b\x00c", nil, "line 1: A: contains a NUL byte"},
		"long":               {"A=" + strings.Repeat("x", maxEnvValue+1), nil, "line 1: A: more than a program can be given as its environment"},
		"grows":              {"A=0123456789abcdef\n" + strings.Repeat("A=${A}${A}\n", 40), nil, "line 15: A: more than a program can be given as its environment"},
		"grows in one value": {"A=" + strings.Repeat("x", 60000) + "\nB=" + strings.Repeat("${A}", 1000), nil, "line 2: B: more than a program can be given as its environment"},
		"large in sum":       {strings.Repeat("A="+strings.Repeat("x", 100000)+"\n", 22), nil, "line 21: A: more than a program can be given as its environment"},
	} {
		got, err := ParseEnvFile("x.env", []byte(c.text), outside)
		if c.err != "" {
			want := `cannot read env_file "x.env": ` + c.err
			var e *EnvFileError
			if err == nil || err.Error() != want || !errors.As(err, &e) {
				t.Errorf("%s: error\n%v\nwant\n%s", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReadEnvFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if _, err := ReadEnvFile(path, nil); err == nil ||
		err.Error() != `cannot read env_file "`+path+`": no such file or directory` || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	write(t, path, "A=1\n")
	got, err := ReadEnvFile(path, nil)
	if diff := cmp.Diff(map[string]string{"A": "1"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	write(t, path, strings.Repeat("#\n", maxEnvFile))
	if _, err := ReadEnvFile(path, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("large: %v", err)
	}
}

// Whatever the file: no panic, lines in range, and values that can be given
// to a program. Written down again in single quotes they mean the same.
func FuzzParseEnvFile(f *testing.F) {
	for _, s := range []string{
		"A=1\nexport B='x y' # c\n", "A=\"a\\n${B}\"\n", "A=${A}${A}\nA=${A}${A}", "#\n;\n\r\n", "'A'=\"\n\n\"", "A=b c", "=", "A=\"\\q\"",
	} {
		f.Add(s)
	}
	outside := Lookup([]string{"HOST=web1", "B=${A}"})
	f.Fuzz(func(t *testing.T, text string) {
		env, err := ParseEnvFile("f", []byte(text), outside)
		if err != nil {
			var e *EnvFileError
			if !errors.As(err, &e) || e.Line < 1 || e.Line > 1+strings.Count(text, "\n") || env != nil {
				t.Fatalf("error %v", err)
			}
			return
		}
		var again strings.Builder
		for key, value := range env {
			if key == "" || strings.ContainsAny(key, "=\x00\n") || strings.Contains(value, "\x00") || len(value) > maxEnvValue {
				t.Fatalf("%q=%q", key, value)
			}
			if !strings.ContainsAny(value, "'\r") {
				again.WriteString(key + "='" + value + "'\n")
			} else {
				delete(env, key)
			}
		}
		got, err := ParseEnvFile("f", []byte(again.String()), nil)
		if diff := cmp.Diff(env, got); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}
