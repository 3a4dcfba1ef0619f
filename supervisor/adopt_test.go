package supervisor

import (
	"testing"
)

// Whose start time could not be read at its birth is known by what it is in.
func TestAdoptWithoutAStartTime(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		r, born := w.up(shell(t, "exec sleep 1000", nil))
		f := found{trace: trace{pids: []int{born.child.PID}}}
		for name, c := range map[string]struct {
			known runRecord
			pid   int
			there bool
		}{
			"all is known":         {runRecord{PID: born.child.PID, Ticks: born.ticks}, born.child.PID, true},
			"no start time":        {runRecord{PID: born.child.PID}, born.child.PID, true},
			"nothing is known":     {runRecord{}, born.child.PID, true},
			"another's start time": {runRecord{PID: born.child.PID, Ticks: born.ticks + 1}, born.child.PID, false},
			"no member":            {runRecord{PID: 1}, 1, false},
		} {
			p := &process{host: w.host, ref: r, comp: born.comp}
			w.adoptMain(p, c.known, f)
			_, ended, err := p.child.TryWait()
			if p.child.PID != c.pid || ended == c.there || err != nil || c.there && p.ticks != born.ticks {
				t.Errorf("%s: pid %d, ended %v, start time %d, %v", name, p.child.PID, ended, p.ticks, err)
			}
			p.child.Close()
		}
		w.kill(r)
		await[exited](w)
		w.over(r)
	})
}
