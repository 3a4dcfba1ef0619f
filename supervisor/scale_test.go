package supervisor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// readConfig reads a config as serve does; only such a one can be scaled.
func readConfig(t *testing.T, text string) *conf.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bulkhead.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := conf.HostEnv()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := conf.Read(path, env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scale starts and stops the difference, answers for each of it, and holds
// until the next update.
func TestScale(t *testing.T) {
	c := readConfig(t, "[programs.queue]\ncommand = \"/bin/true\"\nnumprocs = 2\n")
	within(t, c, nil, func(w *world) {
		w.d.read = func() (*conf.Config, error) { return c, nil }
		w.after(2 * time.Second)
		scale := func(n int) (done []string) {
			w.edge.log()
			for _, o := range w.do(control.Order{Verb: "scale", Names: []string{"queue"}, Count: n}) {
				done = append(done, o.Name+" "+o.Done+string(o.Fault))
			}
			w.after(time.Second)
			return done
		}
		equal(t, "scale 4", scale(4), []string{"queue:queue_02 started", "queue:queue_03 started"})
		equal(t, "scale 4 again", scale(4), nil)
		equal(t, "scale 1", scale(1), []string{"queue:queue_01 stopped", "queue:queue_02 stopped", "queue:queue_03 stopped"})
		if snap, _ := w.loop.publish.get(); len(snap.views) != 1 || snap.views[0].Run != 1 || snap.views[0].State != "RUNNING" {
			t.Errorf("%d instances, the first is %+v", len(snap.views), snap.views[0].Status)
		}
		equal(t, "scale 0", scale(0), []string{"queue stopped"})
		if len(w.loop.programs) != 1 {
			t.Error("a program without instances was forgotten")
		}
		if changes, err := w.d.Reread(w.ctx); err != nil || len(changes.Changed) != 1 {
			t.Errorf("reread does not see that it was scaled: %+v, %v", changes, err)
		}
		w.do(control.Order{Verb: "update"})
		w.after(2 * time.Second)
		if snap, _ := w.loop.publish.get(); len(snap.views) != 2 {
			t.Errorf("%d instances after an update, want the file's 2", len(snap.views))
		}
	})
}
