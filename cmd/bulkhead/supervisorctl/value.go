package supervisorctl

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
	l, _ := v.([]any)
	return l
}

func words(v any) []string {
	var all []string
	for _, w := range list(v) {
		all = append(all, text(w))
	}
	return all
}

func structs[T any](v any, of func(map[string]any) T) []T {
	var all []T
	for _, e := range list(v) {
		m, _ := e.(map[string]any)
		all = append(all, of(m))
	}
	return all
}

func processOf(m map[string]any) process {
	return process{
		group: text(m["group"]), name: text(m["name"]), state: number(m["state"]), stateName: text(m["statename"]),
		description: text(m["description"]), pid: number(m["pid"]),
	}
}

func resultOf(m map[string]any) result {
	return result{group: text(m["group"]), name: text(m["name"]), status: number(m["status"]), description: text(m["description"])}
}

func configOf(m map[string]any) config {
	return config{
		group: text(m["group"]), name: text(m["name"]), inUse: truth(m["inuse"]), autostart: truth(m["autostart"]),
		groupPrio: number(m["group_prio"]), memberPrio: number(m["process_prio"]),
	}
}
