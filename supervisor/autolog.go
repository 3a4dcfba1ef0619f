package supervisor

import (
	"os"
	"sync"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

// autoLogs knows the logs that we name ourselves. One that is there, of a run that was
// taken over or because logs are kept, is gone on with.
type autoLogs struct {
	logs.Auto

	mu    sync.Mutex
	paths map[string]string // by key; nil: not looked for yet
}

func newAutoLogs(c conf.Supervisor) *autoLogs {
	a := &autoLogs{Auto: logs.Auto{Dir: c.ChildLogDir, Identifier: c.Identifier}}
	if a.Dir == "" {
		a.Dir = os.TempDir()
	}
	if a.Identifier == "" {
		a.Identifier = "supervisor"
	}
	return a
}

// look reads what there is, once; the caller holds the lock.
func (a *autoLogs) look() (err error) {
	if a.paths == nil {
		a.paths, err = a.Present()
	}
	return err
}

// resolve gives a target that is conf.Auto its file, which is made when it is not there.
func (a *autoLogs) resolve(in *conf.Instance, channel string, t conf.LogTarget) (conf.LogTarget, error) {
	if t.Path != conf.Auto {
		return t, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(); err != nil {
		return t, err
	}
	key := a.Key(in.FullName(), in.Name, channel)
	if a.paths[key] == "" {
		path, err := a.Make(key)
		if err != nil {
			return t, err
		}
		a.paths[key] = path
	}
	t.Path = a.paths[key]
	return t, nil
}

// sweep removes what an earlier supervisor has left, but for the logs of runs that
// have a stream: those live, or have output that is not written yet.
func (a *autoLogs) sweep(c *conf.Config, streams []logs.StreamID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(); err != nil {
		return err
	}
	runs := map[[2]string]bool{}
	for _, id := range streams {
		runs[[2]string{id.Program, id.Instance}] = true
	}
	paths, keep := map[string]string{}, map[string]bool{}
	for _, p := range c.Programs {
		for _, in := range p.Instances {
			if !runs[[2]string{p.Name, in.Name}] {
				continue
			}
			for _, channel := range channels {
				key := a.Key(in.FullName(), in.Name, channel)
				if path := a.paths[key]; path != "" {
					paths[key], keep[path] = path, true
				}
			}
		}
	}
	a.paths = paths
	return a.Remove(keep)
}

// channels are the outputs of a run.
var channels = [...]string{"stdout", "stderr"}

// target is where a channel of an instance is logged.
func (h *host) target(in *conf.Instance, channel string) (conf.LogTarget, error) {
	t := in.Stdout
	if channel == "stderr" {
		t = in.Stderr
	}
	return h.auto.resolve(in, channel, t)
}

// logPath is the file of a channel's log for who shows or reads it; "" when there is none.
func (h *host) logPath(in *conf.Instance, channel string) string {
	t, err := h.target(in, channel)
	if err != nil {
		return "" // told when the run that needs it cannot be started
	}
	return t.Path
}
