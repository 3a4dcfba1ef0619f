package supervisorctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "supervisord.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOptions(t *testing.T) {
	config := writeConfig(t, "[supervisorctl]\nserverurl=unix:///a//b ; here\nusername: %(ENV_CTL_USER)s\npassword=50%%\nPROMPT=p\n"+
		"history_file=%(here)s/h\n[include]\nfiles=*\n")
	here := filepath.Dir(config)
	t.Setenv("CTL_USER", "joe")
	base := Options{ServerURL: "unix:///a/b", Username: "joe", Password: "50%", Prompt: "p", History: here + "/h"}
	with := func(change func(*Options)) Options {
		o := base
		change(&o)
		return o
	}
	for _, tt := range []struct {
		args string
		want Options
	}{
		{"", with(func(o *Options) { o.Interactive = true })},
		{"status -s x", with(func(o *Options) { o.Args = []string{"status", "-s", "x"} })},
		{"-s http://h:1 -u me --password=x pid", with(func(o *Options) {
			o.ServerURL, o.Username, o.Password, o.Args = "http://h:1", "me", "x", []string{"pid"}
		})},
		{"-ir/tmp/h stop a", with(func(o *Options) { o.Interactive, o.History, o.Args = true, "/tmp/h", []string{"stop", "a"} })},
		{"--inter --hist=/x -- -x", with(func(o *Options) { o.Interactive, o.History, o.Args = true, "/x", []string{"-x"} })},
	} {
		got, err := ParseOptions("/usr/bin/supervisorctl", append([]string{"-c", config}, strings.Fields(tt.args)...))
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Options{}), cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.args, err, diff)
		}
	}
}

func TestBadOptions(t *testing.T) {
	config := writeConfig(t, "[supervisorctl]\n")
	none := writeConfig(t, "[supervisord]\n")
	percent := writeConfig(t, "[supervisorctl]\nserverurl=http://%(nope)s\n")
	for _, tt := range []struct{ args, want string }{
		{"-x", "option -x not recognized"},
		{"-c", "option -c requires argument"},
		{"-iq", "option -q not recognized"},
		{"--nope", "option --nope not recognized"},
		{"--serverurl", "option --serverurl requires argument"},
		{"--interactive=1", "option --interactive must not have an argument"},
		{"-c " + config + " -s nope", "invalid value for -s 'nope': value 'nope' is not a URL"},
		{"-u a -u b", "conflicting command line option '-u'"},
		{"-i -i", "conflicting command line option '-i'"},
		{"-c /nonexistent/f", "could not find config file /nonexistent/f"},
		{"-c " + none, ".ini file does not include supervisorctl section"},
	} {
		_, err := ParseOptions("supervisorctl", strings.Fields(tt.args))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.args, err, tt.want)
		}
	}
	_, err := ParseOptions("supervisorctl", []string{"-c", percent})
	if err == nil || !strings.Contains(err.Error(), "contains names ('nope') which cannot be expanded. Available names: ENV_") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestCompleteWord(t *testing.T) {
	all := []Member{{"cat", "cat"}, {"queue", "queue_00"}, {"queue", "queue_01"}, {"quiet", "quiet"}}
	args := func(verb, word string) []string {
		if verb == "update" {
			return GroupNames(all)
		}
		return ProcessNames(all, word)
	}
	for _, tt := range []struct {
		line string // "|" is the cursor
		head string
		want []string
	}{
		{"|", "", []string{"start ", "status ", "update "}},
		{"sta| x", "", []string{"start ", "status "}},
		{"start c|", "start ", []string{"cat "}},
		{"start q|", "start ", []string{"queue:queue_00 ", "queue:* ", "queue:queue_01 ", "quiet "}},
		{"start cat quiet:|", "start cat ", []string{"quiet:quiet ", "quiet:* "}},
		{"update q|", "update ", []string{"queue ", "quiet "}},
		{"start x|", "start ", nil},
	} {
		before, after, _ := strings.Cut(tt.line, "|")
		head, got, tail := CompleteWord(before+after, len(before), []string{"start", "status", "update"}, args)
		if head != tt.head || tail != after || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %q %q %q", tt.line, head, got, tail)
		}
	}
}
