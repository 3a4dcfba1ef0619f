package conf

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// resolver turns raw structs into the configuration that will run.
type resolver struct {
	*report
	env     Env
	main    *file
	names   names             // that the main file may use outside of programs
	environ map[string]string // [supervisor] environment, expanded
	url     string            // [supervisor] serverurl
	profile string            // [host] profile
}

func newResolver(r *report, main *file, env Env) *resolver {
	return &resolver{report: r, env: env, main: main, names: baseNames(main, env)}
}

// baseNames are what every expansion in a file may use. supervisord resolves
// %(here)s to the directory of the file it is written in.
func baseNames(f *file, env Env) names {
	return names{own: values{"here": f.dir, "host_node_name": env.Hostname}}.env(env.Environ)
}

func sortPrograms(list []Program) {
	slices.SortFunc(list, func(a, b Program) int {
		return cmp.Or(cmp.Compare(a.GroupPriority, b.GroupPriority), cmp.Compare(a.GroupName, b.GroupName),
			cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
}

func (res *resolver) host(c *Config, raw *rawHost) {
	at := place{res.main, []string{"host"}}
	if raw.MemoryReserve == nil && res.env.Memory() == 0 {
		raw.MemoryReserve = &size{} // no percentage of what is unknown
	}
	if res.env.Memory() == 0 {
		for _, below := range []**size{&raw.Pressure.HoldBelow, &raw.Pressure.PauseBelow, &raw.Pressure.ScaleBelow,
			&raw.Pressure.ReclaimBelow, &raw.Pressure.KillBelow} {
			if *below == nil {
				*below = &size{}
			}
		}
	}
	fill(raw, ptr(hostDefaults()))
	c.Host = Host{
		MemoryTotal:   res.env.Memory(),
		MemoryReserve: res.bytes(at.at("memory_reserve"), raw.MemoryReserve),
		Overcommit:    string(*raw.Overcommit),
		Profile:       string(*raw.Profile),
	}
	res.profile = c.Host.Profile
	p := &raw.Pressure
	rung := func(key string, below *size, full *share) Rung {
		return Rung{res.bytes(at.at("pressure", key), below), float64(*full)}
	}
	c.Host.Pressure = Pressure{
		Hold:    rung("hold_below", p.HoldBelow, p.HoldFull),
		Pause:   rung("pause_below", p.PauseBelow, p.PauseFull),
		Scale:   rung("scale_below", p.ScaleBelow, p.ScaleFull),
		Reclaim: rung("reclaim_below", p.ReclaimBelow, p.ReclaimFull),
		Kill:    rung("kill_below", p.KillBelow, p.KillFull),
		Relief:  time.Duration(*p.Relief),
	}
}

// expand returns "" after a problem.
func (res *resolver) expand(at place, t text, n names) string {
	s, f := n.expand(string(t))
	if f == nil {
		f = checkText(s)
	}
	if f != nil {
		res.problem(at, f)
		return ""
	}
	return s
}

func (res *resolver) expandAll(at place, p pairs, n names) map[string]string {
	if p.line != "" {
		all, f := splitPairs(res.expand(at, text(p.line), n))
		if f != nil {
			res.problem(at, f)
			return map[string]string{}
		}
		return all
	}
	all := make(map[string]string, len(p.table))
	for _, key := range slices.Sorted(maps.Keys(p.table)) {
		all[key] = res.expand(at.at(key), text(p.table[key]), n)
	}
	return all
}

// path expands a path and makes it absolute, relative to the directory of the
// file it is written in. "~/" is the supervisor's home, as with supervisord.
func (res *resolver) path(at place, t text, n names) string {
	s := res.expand(at, t, n)
	if rest, ok := strings.CutPrefix(s, "~/"); ok && res.env.Home != "" {
		return filepath.Join(res.env.Home, rest)
	}
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(at.file.dir, s)
}

// bytes resolves a percentage; an unset size is 0.
func (res *resolver) bytes(at place, z *size) Bytes {
	if z == nil {
		return 0
	}
	if z.percent == 0 {
		return z.bytes
	}
	if res.env.Memory() == 0 {
		res.problem(at, faultf("write a size such as 256M", "cannot use a percentage: the host's memory is unknown"))
		return Unlimited
	}
	return Bytes(float64(res.env.Memory()) * z.percent / 100)
}
