package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// What would promise more than the host has is refused by scale and update, or told, as the
// config says; what a program has used counts like a limit, and less is never too much.
func TestOverpromised(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name       string
		overcommit string
		limit      string // of an instance
		used       int64  // by one at most
		more, less string // what scale 4 and scale 1 say; ERR is a refusal
	}{
		{"nothing known", "deny", "", 0, "", ""},
		{"too much promised", "deny", "1G", 0, "ERR", ""},
		{"too much needed", "deny", "", gib, "ERR", ""},
		{"told", "warn", "", gib, "queue: cannot promise 4G", ""},
		{"told of a limit", "warn", "1G", 0, "queue: cannot promise 4G", ""},
		{"allowed", "allow", "1G", gib, "", ""},
		{"a limit counts, not what was used", "deny", "512M", gib, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := ""
			if tt.limit != "" {
				limits = fmt.Sprintf("limits = { memory_max = %q }\n", tt.limit)
			}
			text := func(n int) string {
				return fmt.Sprintf("[host]\novercommit = %q\nmemory_reserve = 0\n[programs.queue]\ncommand = \"/bin/true\"\nnumprocs = %d\n%s", tt.overcommit, n, limits)
			}
			c, four := readConfig(t, text(2)), uncheckedConfig(t, text(4))
			c.Host.MemoryTotal = 3 * gib
			within(t, c, nil, func(w *world) {
				w.after(2 * time.Second)
				if tt.used > 0 {
					w.loop.post(used{ref{w.loop.instances["queue:queue_00"], 1}, tt.used})
					w.after(0)
				}
				scale := func(n int) string {
					out, err := w.d.Do(w.ctx, control.Order{Verb: "scale", Names: []string{"queue"}, Count: n})
					w.after(time.Second)
					if err != nil {
						if !strings.Contains(err.Error(), "cannot promise 4G to programs (queue 4 × 1G") {
							t.Error(err)
						}
						return "ERR"
					}
					for _, o := range out {
						if o.Name == "queue" {
							return "queue: " + o.Done
						}
					}
					return ""
				}
				count := func() int { snap, _ := w.loop.publish.get(); return len(snap.views) }
				want := 4
				if tt.more == "ERR" {
					want = 2
				}
				if got := scale(4); !strings.HasPrefix(got, tt.more) || tt.more == "" && got != "" || count() != want {
					t.Errorf("scale 4: %q, %d instances", got, count())
				}
				if got := scale(1); got != tt.less || count() != 1 {
					t.Errorf("scale 1: %q, %d instances", got, count())
				}
				four.Host.MemoryTotal = 3 * gib
				w.d.read = func() (*conf.Config, error) { return four, nil }
				out, err := w.d.Do(w.ctx, control.Order{Verb: "update"})
				w.after(time.Second)
				wanted := 4
				if tt.more == "ERR" {
					wanted = 1
				}
				if (err != nil) != (tt.more == "ERR") || count() != wanted {
					t.Errorf("update: %v, %v, %d instances", out, err, count())
				}
				if _, _, _, err := w.wire().Reload(w.ctx); (err != nil) != (tt.more == "ERR") || count() != wanted {
					t.Errorf("supervisorctl's reread: %v, %d instances", err, count())
				}
				if tt.overcommit == "warn" && !strings.Contains(fmt.Sprint(out), "host cannot promise 4G") {
					t.Errorf("update says %v", out)
				}
			})
		})
	}
}

// uncheckedConfig reads a config that this host might refuse: what there is to promise is set later.
func uncheckedConfig(t *testing.T, text string) *conf.Config {
	t.Helper()
	c := readConfig(t, strings.Replace(text, `"deny"`, `"allow"`, 1))
	if strings.Contains(text, `"deny"`) {
		c.Host.Overcommit = "deny"
	}
	return c
}

// What was used is remembered by program, for the next supervisor and for who asks without one.
func TestNeedIsRemembered(t *testing.T) {
	c := readConfig(t, "[programs.queue]\ncommand = \"/bin/true\"\nnumprocs = 2\n")
	within(t, c, nil, func(w *world) {
		w.after(time.Second)
		for _, n := range []int64{10 * mib, 30 * mib, 20 * mib} {
			w.loop.post(used{ref{w.loop.instances["queue:queue_00"], 1}, n})
		}
		w.after(0)
		n, ok := w.loop.rememberAll()[keyNeed+"queue"].(programs.Need)
		if !ok || n.Each(time.Now()) != 30*mib {
			t.Errorf("%+v", n)
		}
		w.update(&conf.Config{})
		w.after(time.Minute)
		if len(w.loop.needs) != 0 {
			t.Errorf("a program that is gone is remembered: %v", w.loop.needs)
		}
	})
}

// What is known to be needed too much is told at the start, and only then.
func TestNeedsAreToldAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		overcommit string
		used       int64
		told       int
	}{{"warn", 3 << 30, 1}, {"deny", 3 << 30, 1}, {"allow", 3 << 30, 0}, {"warn", 1 << 30, 0}} {
		c := uncheckedConfig(t, fmt.Sprintf("[host]\novercommit = %q\nmemory_reserve = 0\n[programs.queue]\ncommand = \"/bin/true\"\n", tt.overcommit))
		c.Host.MemoryTotal = 2 << 30
		within(t, c, nil, func(w *world) {
			w.after(time.Second)
			w.loop.post(used{ref{w.loop.instances["queue"], 1}, tt.used})
			w.after(0)
			w.loop.post(toldNeeds{c})
			w.after(0)
			if got := w.kinds("config"); len(got) != tt.told {
				t.Errorf("%s, %d used: told %q", tt.overcommit, tt.used, got)
			}
		})
	}
}

// toldNeeds has the loop tell, as its start does.
type toldNeeds struct{ c *conf.Config }

func (q toldNeeds) do(l *loop) { l.tellNeeds(q.c) }
