package conf

import (
	"os"
	"path/filepath"
	"testing"
)

// Who looks for the supervisor finds it whatever is wrong with a program, of which there may
// be thousands; a mistake about the supervisor itself is one.
func TestReadSupervisor(t *testing.T) {
	dir := t.TempDir()
	env := Env{Cwd: dir, Environ: map[string]string{"RUN": "/run/x"}}
	for name, c := range map[string]struct{ file, text, socket string }{
		"expanded":                   {"a.toml", "[supervisor]\nsocket = '%(ENV_RUN)s/b.sock'\n", "/run/x/b.sock"},
		"a program without command":  {"b.toml", "[supervisor]\nsocket = '/run/b.sock'\n[programs.w]\nnumprocs = 3\n", "/run/b.sock"},
		"an include that is missing": {"c.toml", "[supervisor]\ninclude = ['/none.toml']\nsocket = '/run/c.sock'\n", "/run/c.sock"},
		"supervisord's":              {"d.conf", "[supervisord]\n[unix_http_server]\nfile=/run/d.sock\n[program:w]\ncommand=true\n", "/run/d.sock"},
		"an unknown expansion":       {"e.toml", "[supervisor]\nsocket = '%(ENV_NONE)s/b.sock'\n", ""},
		"no file":                    {"", "", ""},
	} {
		path := filepath.Join(dir, "none")
		if c.file != "" {
			path = filepath.Join(dir, c.file)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := ReadSupervisor(path, env)
		if (err != nil) != (c.socket == "") || err == nil && s.Socket != c.socket {
			t.Errorf("%s: socket %q, %v, want %q", name, s.Socket, err, c.socket)
		}
	}
}
