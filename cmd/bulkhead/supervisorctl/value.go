package supervisorctl

import "bulkhead/supervisor/xmlrpc"

// What getProcessInfo and getAllProcessInfo say, as far as it is shown.
type process struct {
	group, name string
	state       int
	stateName   string
	description string
	pid         int
}

func (p process) fullName() string { return fullName(p.group, p.name) }

// States of supervisord's that verbs ask about.
const (
	stopped = 0
	running = 20
	exited  = 100
	fatal   = 200
	unknown = 1000
)

// result is what a verb for many says of one of them.
type result struct {
	group, name string
	status      int
	description string
}

// config is what getAllConfigInfo says, as far as it is shown.
type config struct {
	group, name           string
	inUse, autostart      bool
	groupPrio, memberPrio int
}

// A value that is not what the interface promises comes out empty: servers of
// other makes leave things out.

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int {
	n, _ := v.(int)
	return n
}

func truth(v any) bool {
	b, ok := v.(bool)
	return ok && b || number(v) != 0
}

func list(v any) []any {
	l, _ := v.(xmlrpc.Array)
	return l
}

func words(v any) []string {
	var all []string
	for _, w := range list(v) {
		all = append(all, text(w))
	}
	return all
}

func structs[T any](v any, of func(xmlrpc.Struct) T) []T {
	var all []T
	for _, e := range list(v) {
		m, _ := e.(xmlrpc.Struct)
		all = append(all, of(m))
	}
	return all
}

func processOf(m xmlrpc.Struct) process {
	return process{
		group: text(m.Get("group")), name: text(m.Get("name")), state: number(m.Get("state")), stateName: text(m.Get("statename")),
		description: text(m.Get("description")), pid: number(m.Get("pid")),
	}
}

func resultOf(m xmlrpc.Struct) result {
	return result{group: text(m.Get("group")), name: text(m.Get("name")), status: number(m.Get("status")), description: text(m.Get("description"))}
}

func configOf(m xmlrpc.Struct) config {
	return config{
		group: text(m.Get("group")), name: text(m.Get("name")), inUse: truth(m.Get("inuse")), autostart: truth(m.Get("autostart")),
		groupPrio: number(m.Get("group_prio")), memberPrio: number(m.Get("process_prio")),
	}
}
