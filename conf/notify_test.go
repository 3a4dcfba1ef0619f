package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readNotify(t *testing.T, text string) (*Config, []Warning, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(file, []byte("[programs.web]\ncommand = \"true\"\n\n"+text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Read(file, testEnv())
}

func TestNotify(t *testing.T) {
	usual := []string(*notifyDefaults().Events)
	for text, want := range map[string]Notify{
		"command = \"page 'a b' %(here)s%%\"\n": {Command: []string{"page", "a b", "HERE%"}},
		"command = [\"page\", \"a b\"]\n":       {Command: []string{"page", "a b"}},
		"webhook = \"http://127.0.0.1:80/x\"\n": {Webhook: "http://127.0.0.1:80/x"},
		"sendmail = \"ops@example.org\"\nevents = [\"crashed\"]\nprograms = [\"web\"]\ninterval = 0\nlimit = 0\ntimeout = 1\nretries = 0\n": {
			Sendmail: "ops@example.org", Events: []string{"crashed"}, Programs: []string{"web"}, Timeout: time.Second, Limit: -1},
	} {
		c, warnings, err := readNotify(t, "[[notify]]\n"+text)
		if err != nil || len(warnings) > 0 || len(c.Notify) != 1 {
			t.Errorf("%s: %v, %v", text, err, warnings)
			continue
		}
		if want.Events == nil {
			want.Events, want.Programs, want.Interval, want.Limit, want.Timeout, want.Retries = usual, []string{}, time.Minute, 20, 30*time.Second, 5
		} else {
			want.Limit = 0
		}
		for i := range want.Command {
			want.Command[i] = strings.ReplaceAll(want.Command[i], "HERE", filepath.Dir(c.Path))
		}
		if d := cmp.Diff(want, c.Notify[0]); d != "" {
			t.Errorf("%s (-want +got)\n%s", text, d)
		}
	}
	for text, want := range map[string]string{
		"[[notify]]\nevents = [\"fatal\"]\n":                                          ":4: notify.0: cannot tell in 0 ways",
		"[[notify]]\nwebhook = \"https://a\"\nsendmail = \"a@b\"\n":                   ":4: notify.0: cannot tell in 2 ways",
		"[[notify]]\nwebhook = \"ftp://s3cret\"\n":                                    ":5: notify.0.webhook: cannot use it as a URL; write https://host/path",
		"[[notify]]\nwebhook = \"https:///x\"\n":                                      ":5: notify.0.webhook: cannot use it",
		"[[notify]]\nsendmail = \"a@b\\nBcc: c@d\"\n":                                 `:5: notify.0.sendmail: cannot use "a@b\nBcc: c@d"`,
		"[[notify]]\nsendmail = \"\"\n":                                               `:5: notify.0.sendmail: cannot use "" as mail`,
		"[[notify]]\ncommand = \"\"\n":                                                ":5: notify.0.command: the command is empty",
		"[[notify]]\ncommand = []\n":                                                  ":5: notify.0.command: the command is empty",
		"[[notify]]\ncommand = \"a 'b\"\n":                                            ":5: notify.0.command: ",
		"[[notify]]\ncommand = \"a\"\nevents = []\n":                                  ":6: notify.0.events: cannot tell of no events",
		"[[notify]]\ncommand = \"a\"\n[[notify]]\ncommand=\"b\"\nevents=[\"fatl\"]\n": `:8: notify.1.events: unknown events "fatl"; write fatal`,
		"[[notify]]\ncommand = \"a\"\ntimeout = 0\n":                                  ":6: notify.0.timeout: cannot use 0s",
		"[[notify]]\ncommand = \"a\"\nretries = -1\n":                                 ":6: notify.0.retries: cannot use -1",
		"[[notify]]\ncommand = \"a\"\nlimit = -1\n":                                   ":6: notify.0.limit: cannot use -1",
		"[[notify]]\ncommand = \"a\"\nintervall = 1\n":                                `:6: notify.0.intervall: unknown key "intervall"; write interval`,
		"[notify]\ncommand = \"a\"\n":                                                 ":4: notify: cannot use a table as a list of tables; write [[notify]]",
	} {
		_, _, err := readNotify(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	_, warnings, err := readNotify(t, "[[notify]]\ncommand = \"a\"\nprograms = [\"wbe\"]\n")
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), `:6: notify.0.programs: there is no program "wbe"`) {
		t.Errorf("%v, %v", err, warnings)
	}
}
