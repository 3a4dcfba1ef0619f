package soak

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"bulkhead/supervisor/control"
)

// wants is what the supervisor has been told and has confirmed: how many
// instances each program has, which of them are stopped, and which run must be over by now.
type wants struct {
	crews   map[string]*crew
	size    map[string]int
	stopped map[string]bool   // by full name
	beyond  map[string]uint64 // by full name: a run later than this one is wanted
	edition map[string]int
}

func newWants(crews []crew) *wants {
	w := &wants{crews: map[string]*crew{}, size: map[string]int{}, stopped: map[string]bool{}, beyond: map[string]uint64{}, edition: map[string]int{}}
	for i := range crews {
		w.crews[crews[i].name], w.size[crews[i].name] = &crews[i], crews[i].size
	}
	return w
}

func instance(program string, n int) string { return fmt.Sprintf("%s:%s_%02d", program, program, n) }

// names are all instances there shall be, in order.
func (w *wants) names() (all []string) {
	for _, p := range sortedKeys(w.size) {
		for n := range w.size[p] {
			all = append(all, instance(p, n))
		}
	}
	return all
}

// config is the file's text, as the wants have it.
func (w *wants) config(supervisor string) string {
	text := supervisor
	for _, p := range sortedKeys(w.size) {
		text += fmt.Sprintf("\n[programs.%s]\nprocess_name = \"%%(program_name)s_%%(process_num)02d\"\nnumprocs = %d\n%s", p, w.size[p], w.crews[p].toml(w.edition[p]))
	}
	return text
}

// task is an order that is being given.
type task struct {
	order   order
	control control.Order
	took    func(refused map[string]bool) // what is wanted once it is confirmed
	names   []string                      // whom it may change
}

// give makes an order out of what the plan says. status is how things are now.
func (w *wants) give(o order, status map[string]control.Status) task {
	t := task{order: o, control: control.Order{Verb: o.Verb, NoWait: o.NoWait}}
	size := w.size[o.Program]
	one := instance(o.Program, o.At%size)
	if o.Verb == "toggle" {
		o.Verb = "stop"
		halted := slices.DeleteFunc(w.names(), func(n string) bool { return !w.stopped[n] || w.programOf(n) != o.Program })
		if w.stopped[one] || len(halted) > 0 && len(halted) >= size/4 {
			o.Verb = "start"
			if !w.stopped[one] {
				one = halted[0]
			}
		}
	}
	running := func(names ...string) (found []string) {
		return slices.DeleteFunc(names, func(n string) bool { return w.stopped[n] })
	}
	all := slices.DeleteFunc(w.names(), func(n string) bool { return w.programOf(n) != o.Program })
	t.control.Verb, t.control.Names, t.names = o.Verb, []string{one}, []string{one}
	renewed := func(names []string) func(map[string]bool) {
		was := map[string]uint64{}
		for _, n := range names {
			was[n] = status[n].Run
		}
		return func(refused map[string]bool) {
			for n, run := range was {
				if !refused[n] {
					w.beyond[n] = max(w.beyond[n], run)
				}
			}
		}
	}
	switch o.Verb {
	case "stop":
		t.took = func(map[string]bool) { w.stopped[one] = true }
	case "start":
		t.took = func(map[string]bool) { delete(w.stopped, one) }
	case "restart":
		again := renewed([]string{one})
		t.took = func(refused map[string]bool) { delete(w.stopped, one); again(refused) }
	case "recycle":
		t.took = renewed(running(one))
	case "rolling":
		t.control.Verb, t.control.Roll, t.control.NoWait = "restart", true, true
		t.control.Names = running(slices.Clone(all)...) // those that are stopped would be started
		t.took, t.names = renewed(t.control.Names), t.control.Names
	case "scale":
		c := w.crews[o.Program]
		n := c.least + o.At%(c.size-c.least+3)
		t.control.Names, t.control.Count = []string{o.Program}, n
		t.names = all
		for i := size; i < n; i++ {
			t.names = append(t.names, instance(o.Program, i))
		}
		t.took = func(map[string]bool) {
			for i := min(n, size); i < max(n, size); i++ {
				delete(w.stopped, instance(o.Program, i))
				delete(w.beyond, instance(o.Program, i))
			}
			w.size[o.Program] = n
		}
	case "update":
		w.edition[o.Program]++ // it stands in the file whatever becomes of the order
		t.control.Names, t.names = nil, all
		t.took = renewed(running(slices.Clone(all)...))
	case "burst":
		t.control.Verb, t.control.Signal, t.control.Names = "signal", "WINCH", []string{o.Program + ":*"}
		t.took, t.names = func(map[string]bool) {}, nil
	}
	return t
}

func (w *wants) programOf(full string) string {
	for p := range w.crews {
		if len(full) > len(p) && full[:len(p)+1] == p+":" {
			return p
		}
	}
	return ""
}

// differs says in what the state of things is not as wanted. At rest it must be
// exactly so; before that, no order that was confirmed may be undone.
func (w *wants) differs(status []control.Status, atRest bool) (out []string) {
	seen := map[string]bool{}
	for _, s := range status {
		name := s.FullName()
		seen[name] = true
		wanted := slices.Contains(w.names(), name)
		switch {
		case !wanted && (atRest || s.State != "STOPPING"):
			out = append(out, fmt.Sprintf("%s is there (%s) and should not", name, s.State))
		case !wanted:
		case w.stopped[name] && s.State != "STOPPED" && (atRest || s.State != "STOPPING"):
			out = append(out, fmt.Sprintf("%s is %s (run %d), and was stopped", name, s.State, s.Run))
		case w.stopped[name]:
		case atRest && s.State != "RUNNING", s.State == "STOPPED", s.State == "FATAL", s.State == "EXITED":
			out = append(out, fmt.Sprintf("%s is %s (run %d), and should run", name, s.State, s.Run))
		case atRest && s.Run <= w.beyond[name]:
			out = append(out, fmt.Sprintf("%s is in run %d still, and was to be renewed after run %d", name, s.Run, w.beyond[name]))
		}
	}
	for _, name := range w.names() {
		if !seen[name] {
			out = append(out, name+" is missing in status")
		}
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
