package conf

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// same compares two configurations but for where they are written, and whether
// the supervisor was called as a daemon, which TOML has no word for.
var sameConfig = cmp.Options{
	cmpopts.IgnoreFields(Config{}, "Path", "Files"),
	cmpopts.IgnoreFields(Program{}, "Pos"),
	cmpopts.IgnoreFields(Instance{}, "Line"), // a command that cannot be split is a list of words in TOML
	cmpopts.IgnoreFields(Supervisor{}, "Foreground"),
	cmpopts.IgnoreUnexported(Program{}),
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b Group) bool { return a.Name < b.Name }),
}

var proposal = regexp.MustCompile(`(?m)^# proposal: `)

// TestImportIsTheSame: every sample, imported, is the same configuration; with
// all proposals taken it still can run.
func TestImportIsTheSame(t *testing.T) {
	files, env := iniSamples(t, "good")
	dir := t.TempDir()
	proposals := 0
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			path := filepath.Join(env.Cwd, name)
			want, _, err := ReadINI(path, env, Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			text, findings, err := Import(path, env)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readTOMLText(t, dir, text, env)
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if diff := cmp.Diff(want, got, sameConfig); diff != "" {
				t.Errorf("(-read +imported):\n%s\n%s", diff, text)
			}
			for _, f := range findings {
				if f.Pos.File == "" || f.Text == "" || !strings.Contains(" mapped changed lost proposal ", " "+string(f.Kind)+" ") {
					t.Errorf("an empty finding: %+v", f)
				}
			}
			proposals += len(proposal.FindAllString(text, -1))
			if _, err := readTOMLText(t, dir, proposal.ReplaceAllString(text, ""), env); err != nil {
				t.Errorf("with its proposals: %v in\n%s", err, text)
			}
		})
	}
	if proposals < 4 {
		t.Errorf("only %d proposals were tried", proposals)
	}
}

func readTOMLText(t *testing.T, dir, text string, env Env) (*Config, error) {
	t.Helper()
	path := filepath.Join(dir, "imported.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Read(path, env)
	return c, err
}

// TestImportText is what a user sees: the file and the report.
func TestImportText(t *testing.T) {
	const path = "testdata/ini/import.conf"
	env := testEnv()
	env.Cwd, env.Environ["PRIO"] = "/tmp", "7"
	text, findings, err := Import(path, env)
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("testdata/ini")
	if err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&report, f)
	}
	golden(t, "testdata/ini/import.toml.txt", strings.ReplaceAll(text, here, "$HERE"))
	golden(t, "testdata/ini/import.report.txt", strings.ReplaceAll(report.String(), here, "$HERE"))
}

func TestImportRefuses(t *testing.T) {
	if _, _, err := Import("testdata/ini/bad/bad_bool.conf", testEnv()); err == nil {
		t.Error("a bad file is imported")
	}
}

// TestEncode: what is written is read back.
func TestEncode(t *testing.T) {
	for _, v := range []interface {
		leaf
		encoder
	}{
		ptr(text("")), ptr(text(`a "b" 'c' \ ` + "\n\t\x01 ä")), ptr(text(`C:\x`)), ptr(text(`say "x"`)),
		ptr(toggle(true)), ptr(whole(-5)), ptr(span(90 * time.Second)), ptr(span(0)), ptr(span(time.Hour)), ptr(span(1500 * time.Millisecond)),
		ptr(octal(0o22)), ptr(octal(0)), ptr(octal(0o770)),
		ptr(size{bytes: 50 << 20}), ptr(size{bytes: 1<<30 + 1}), ptr(size{}), ptr(size{bytes: Unlimited}), ptr(size{percent: 12.5}), ptr(size{bytes: 3 << 50}),
		ptr(cpus(0)), ptr(cpus(1.5)), ptr(share(0.1)), ptr(share(1)), ptr(signal(unix.SIGUSR2)), ptr(signal(34)),
		ptr(amount(unix.RLIM_INFINITY)), ptr(amount(math.MaxInt32)), ptr(restart("true")), ptr(restart("false")), ptr(restart("unexpected")),
		ptr(codes{}), ptr(codes{0, 255}), ptr(texts{}), ptr(texts{"a", `"`}), ptr(pids(0)), ptr(pids(7)),
		&pairs{line: `A="1"`}, &pairs{table: map[string]string{}}, &pairs{table: map[string]string{"A": "1", "B.C": `"`}},
		&command{line: "a 'b'"}, &command{argv: []string{"a", "b c"}},
	} {
		fresh := reflect.New(reflect.TypeOf(v).Elem()).Interface().(leaf)
		table := map[string]any{}
		if _, err := toml.Decode("x = "+v.encode(), &table); err != nil {
			t.Errorf("%#v is written as %s: %v", v, v.encode(), err)
			continue
		}
		if f := fresh.decode(table["x"]); f != nil {
			t.Errorf("%#v is written as %s: %v", v, v.encode(), f)
		} else if !reflect.DeepEqual(leaf(v), fresh) {
			t.Errorf("%#v is written as %s and read as %#v", v, v.encode(), fresh)
		}
	}
}
