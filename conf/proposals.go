package conf

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// proposals are lines of TOML that would say better what a worker's own options
// say, by table.
type proposals struct {
	program, limits, recycle []string
}

// workers are the commands that are known by a word, with the names of their options.
var workers = []struct {
	word, preset           string
	memory, jobs, age, job string
}{
	{"queue:work", "laravel", "--memory", "--max-jobs", "--max-time", "--timeout"},
	{"horizon", "horizon", "", "", "", ""},
	{"messenger:consume", "symfony-messenger", "--memory-limit", "--limit", "--time-limit", ""},
}

// memoryRoom is how much more than a worker's own limit the kernel's should be:
// the worker looks between two jobs only, and the job in hand needs some.
const memoryRoom = 2

// propose reads the options of a known worker.
func (t *translator) propose(name string, raw *rawProgram) proposals {
	var p proposals
	argv := (&source{raw: raw}).roughArgv()
	at := place{t.main, []string{"programs", name, "command"}}
	for _, w := range workers {
		if raw.Preset != nil || !slices.ContainsFunc(argv, func(arg string) bool { return slices.Contains(strings.Fields(arg), w.word) }) {
			continue
		}
		timeout, limited := time.Duration(0), false
		if w.job != "" {
			n, ok := numberOption(argv, w.job)
			timeout, limited = time.Duration(n)*time.Second, ok
		}
		if wait := stopWait(raw); limited && wait < timeout && raw.StopWait != nil {
			t.found(Proposed, at, "its %s is %v, and it is killed %v after a stop: write stopwaitsecs = %q, then preset = %q", w.job, short(timeout), short(wait), short(timeout+30*time.Second), w.preset)
		} else {
			p.program = append(p.program, fmt.Sprintf("preset = %q", w.preset))
			t.found(Proposed, at, "it is a worker that preset = %q knows", w.preset)
		}
		if n, ok := memoryOption(argv, w.memory); ok && raw.Limits.MemoryMax == nil {
			p.limits = append(p.limits, "memory_max = "+size{bytes: n * memoryRoom}.encode())
			t.found(Proposed, at, "its %s is %v: write limits.memory_max = %s, so that the kernel ends it when a job goes beyond", w.memory, n, size{bytes: n * memoryRoom}.encode())
		}
		if n, ok := numberOption(argv, w.jobs); ok && n > 0 && w.jobs != "" && raw.Recycle.MaxJobs == nil && len(p.program) > 0 {
			p.recycle = append(p.recycle, fmt.Sprintf("max_jobs = %d", n))
			t.found(Proposed, at, "write recycle.max_jobs = %d and leave %s out: instances then end one by one", n, w.jobs)
		}
		if n, ok := numberOption(argv, w.age); ok && n > 0 && w.age != "" && raw.Recycle.MaxAge == nil {
			age := short(time.Duration(n) * time.Second)
			p.recycle = append(p.recycle, fmt.Sprintf("max_age = %q", age))
			t.found(Proposed, at, "write recycle.max_age = %q and leave %s out: instances then end one by one", age, w.age)
		}
		break
	}
	return p
}

func stopWait(raw *rawProgram) time.Duration {
	if raw.StopWait != nil {
		return time.Duration(*raw.StopWait)
	}
	return time.Duration(*programDefaults().StopWait)
}

// memoryOption reads a memory option, in megabytes unless it has a unit.
func memoryOption(argv []string, name string) (Bytes, bool) {
	if name == "" {
		return 0, false
	}
	if n, ok := numberOption(argv, name); ok {
		return Bytes(n) << 20, n > 0
	}
	for i, arg := range argv {
		value, ok := strings.CutPrefix(arg, name+"=")
		if arg == name && i+1 < len(argv) {
			value, ok = argv[i+1], true
		}
		if z, f := parseSize(value); ok && f == nil && z.percent == 0 && z.bytes > 0 && z.bytes != Unlimited {
			return z.bytes, true
		}
	}
	return 0, false
}
