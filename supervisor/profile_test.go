package supervisor

import (
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// profile switches what runs, without a restart, until the next update.
func TestProfile(t *testing.T) {
	c := readConfig(t, "[programs.a]\ncommand = \"/bin/true\"\n[programs.b]\ncommand = \"/bin/true\"\nprofile = \"permissive\"\n")
	within(t, c, nil, func(w *world) {
		w.d.read = func() (*conf.Config, error) { return c, nil }
		w.after(2 * time.Second)
		w.edge.log()
		says := func(word string, names ...string) (out []string) {
			for _, o := range w.do(control.Order{Verb: "profile", Names: names, Profile: word}) {
				out = append(out, o.Name+" "+o.Done+string(o.Fault))
			}
			return out
		}
		profiles := func() (out []string) {
			for _, s := range w.statuses() {
				out = append(out, s.Name+" "+s.Profile)
			}
			return out
		}
		equal(t, "as written", profiles(), []string{"a strict", "b permissive"})
		equal(t, "one", says("permissive", "a", "nope"), []string{"a permissive", "nope BAD_NAME"})
		equal(t, "asked", w.edge.log(), []string{"revise a/1"})
		equal(t, "all", says("strict"), []string{"a strict", "b strict"})
		equal(t, "asked", w.edge.log(), []string{"revise a/1", "revise b/1"})
		equal(t, "then", profiles(), []string{"a strict", "b strict"})
		if _, err := w.d.Do(w.ctx, control.Order{Verb: "profile", Profile: "lax"}); err == nil || err.Error() != `unknown profile "lax": write strict or permissive` {
			t.Error(err)
		}
		w.do(control.Order{Verb: "update"})
		equal(t, "updated", profiles(), []string{"a strict", "b permissive"})
	})
}
