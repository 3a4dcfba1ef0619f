package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/rpc"
)

func (w *world) wire() wireSide { return wireSide{w.d} }

// fault demands a fault of supervisord's, "" none.
func fault(t *testing.T, what string, err error, want string) {
	t.Helper()
	got := ""
	var f *rpc.Fault
	if errors.As(err, &f) {
		got = f.Error()
	} else if err != nil {
		got = "no fault: " + err.Error()
	}
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// grouped puts the programs of a config into a group.
func grouped(group string, c *conf.Config) *conf.Config {
	for i := range c.Programs {
		c.Programs[i].GroupName, c.Programs[i].Instances[0].Group = group, group
		c.Groups = append(c.Groups, conf.Group{Name: group, Programs: []string{c.Programs[i].Name}})
	}
	return c
}

// What supervisorctl's add and remove do: groups of the config that was read last.
func TestAddAndRemoveGroups(t *testing.T) {
	a, b, c := worker("a", 1, nil), grouped("g", worker("b", 1, nil)), grouped("g", worker("c", 1, nil))
	within(t, join(a, b, c), nil, func(w *world) {
		w.d.lastRead.Store(join(a, b, c))
		w.after(2 * time.Second)
		equal(t, "groups", w.wire().Groups(w.ctx), []string{"a", "g"})
		fault(t, "of nothing", w.wire().RemoveGroup(w.ctx, "b"), "BAD_NAME: b")
		fault(t, "while it runs", w.wire().RemoveGroup(w.ctx, "g"), "STILL_RUNNING: g")
		fault(t, "there already", w.wire().AddGroup(w.ctx, "g"), "ALREADY_ADDED: g")
		fault(t, "unknown", w.wire().AddGroup(w.ctx, "new"), "BAD_NAME: new")
		if _, err := w.wire().Stop(w.ctx, []string{"g:b", "g:c"}, true); err != nil {
			t.Error(err)
		}
		w.edge.log()
		fault(t, "stopped", w.wire().RemoveGroup(w.ctx, "g"), "")
		equal(t, "groups", w.wire().Groups(w.ctx), []string{"a"})
		if n := len(w.wire().Processes(w.ctx)); n != 1 {
			t.Errorf("%d processes are left", n)
		}
		fault(t, "again", w.wire().AddGroup(w.ctx, "g"), "")
		w.after(2 * time.Second)
		equal(t, "started", w.edge.only("spawn", w.edge.log()), []string{"spawn b/1", "spawn c/1"})
		w.d.lastRead.Store(join(a, b, c, worker("new", 1, nil)))
		fault(t, "read meanwhile", w.wire().AddGroup(w.ctx, "new"), "")
		w.after(2 * time.Second)
		equal(t, "started", w.edge.only("spawn", w.edge.log()), []string{"spawn new/1"})
		for _, c := range w.wire().Configs(w.ctx) {
			if !c.InUse {
				t.Errorf("%s is not in use", c.Name)
			}
		}
	})
}

// A group is updated without a stop: only what the config changed is touched.
func TestUpdateGroup(t *testing.T) {
	a := worker("a", 1, nil)
	within(t, join(a, worker("b", 1, nil)), nil, func(w *world) {
		w.after(2 * time.Second)
		w.d.read = func() (*conf.Config, error) { return join(worker("a", 2, nil), worker("b", 2, nil)), nil }
		w.edge.log()
		fault(t, "known", w.wire().UpdateGroup(w.ctx, "a"), "")
		w.after(2 * time.Second)
		equal(t, "asked", w.edge.only("spawn", w.edge.log()), []string{"spawn a_01/1"})
		if s := w.status("a:a_00"); s.Run != 1 || s.State != "RUNNING" {
			t.Errorf("the one there was is %s, run %d", s.State, s.Run)
		}
		fault(t, "unknown", w.wire().UpdateGroup(w.ctx, "nope"), "BAD_NAME: nope")
		w.d.read = func() (*conf.Config, error) { return nil, errors.New("x.conf:1: no") }
		fault(t, "broken", w.wire().UpdateGroup(w.ctx, "a"), "CANT_REREAD: x.conf:1: no")
	})
}

func TestReloadComparesWithWhatIsInForce(t *testing.T) {
	a, b := worker("a", 1, nil), worker("b", 1, nil)
	within(t, a, nil, func(w *world) {
		w.d.read = func() (*conf.Config, error) { return b, nil }
		added, changed, removed, err := w.wire().Reload(w.ctx)
		if err != nil || !slices.Equal(added, []string{"b"}) || changed != nil || !slices.Equal(removed, []string{"a"}) {
			t.Errorf("got %q %q %q, %v", added, changed, removed, err)
		}
		if got := w.wire().Configs(w.ctx); len(got) != 1 || got[0].Name != "b" || got[0].InUse {
			t.Errorf("the config that was read last: %+v", got)
		}
		w.d.read = func() (*conf.Config, error) { return nil, errors.New("line 3: nonsense") }
		_, _, _, err = w.wire().Reload(w.ctx)
		fault(t, "a broken file", err, "CANT_REREAD: line 3: nonsense")
	})
}

// An instance called "all" is one instance.
func TestOrdersMeanOneInstance(t *testing.T) {
	within(t, join(worker("all", 1, nil), worker("b", 1, nil)), nil, func(w *world) {
		w.after(2 * time.Second)
		out, err := w.wire().Stop(w.ctx, []string{"all"}, true)
		if err != nil || len(out) != 1 || out[0] != (rpc.Result{Name: "all", Code: rpc.Success}) {
			t.Errorf("got %+v, %v", out, err)
		}
		if s := w.state("b"); s != "RUNNING" {
			t.Errorf("b is %s", s)
		}
		out, err = w.wire().Signal(w.ctx, []string{"b"}, "NOPE")
		if err != nil || out[0] != (rpc.Result{Name: "b", Code: rpc.BadSignal, Detail: "NOPE"}) {
			t.Errorf("got %+v, %v", out, err)
		}
		fault(t, "not running", w.wire().Write(w.ctx, "all", "x"), "NOT_RUNNING")
	})
}

func TestNoStandardInput(t *testing.T) {
	if err := (&process{}).write(t.Context(), []byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestRunnable(t *testing.T) {
	dir := t.TempDir()
	plain, program := filepath.Join(dir, "plain"), filepath.Join(dir, "program")
	for path, mode := range map[string]os.FileMode{plain: 0o644, program: 0o755} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		argv []string
		want string
	}{
		{nil, "NOT_EXECUTABLE: command is empty"},
		{[]string{program}, ""},
		{[]string{"program", "arg"}, ""}, // by PATH
		{[]string{plain}, "NOT_EXECUTABLE: command at '" + plain + "' is not executable"},
		{[]string{dir}, "NOT_EXECUTABLE: command at '" + dir + "' is a directory"},
		{[]string{filepath.Join(dir, "none")}, "NO_FILE: can't find command '" + filepath.Join(dir, "none") + "'"},
		{[]string{"none"}, "NO_FILE: can't find command 'none'"},
	} {
		config := worker("a", 1, func(p *conf.Program) {
			p.AutoStart = false
			p.Instances[0].Argv = c.argv
			p.Instances[0].Environment = map[string]string{"PATH": dir}
		})
		within(t, config, nil, func(w *world) {
			fault(t, quoted(c.argv), w.wire().Runnable(w.ctx, "a"), c.want)
		})
	}
}

func TestQuotedCommand(t *testing.T) {
	if got, want := quoted([]string{"php", "artisan", "", "a b", "it's"}), `php artisan '' 'a b' 'it'"'"'s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhoMayListen(t *testing.T) {
	auth := conf.Auth{Username: "u", Password: "p"}
	for _, c := range []struct {
		server conf.Server
		ok     bool
	}{
		{conf.Server{Network: "unix", Address: "/s"}, true},
		{conf.Server{Network: "tcp", Address: "127.0.0.1:9001"}, true},
		{conf.Server{Network: "tcp", Address: "localhost:9001"}, true},
		{conf.Server{Network: "tcp", Address: "[::1]:9001"}, true},
		{conf.Server{Network: "tcp", Address: ":9001"}, false},
		{conf.Server{Network: "tcp", Address: "0.0.0.0:9001"}, false},
		{conf.Server{Network: "tcp", Address: "192.0.2.1:9001"}, false},
		{conf.Server{Network: "tcp", Address: "example.com:9001"}, false},
		{conf.Server{Network: "tcp", Address: ":9001", Auth: auth}, true},
	} {
		if err := mayListen(c.server); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.server, err)
		}
	}
}
