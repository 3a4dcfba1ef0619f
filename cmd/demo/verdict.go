package main

import (
	"fmt"
	"strings"

	"bulkhead/supervisor/control"
)

// verdict collects what was to be seen.
type verdict struct {
	seen     []control.Event   // all of them, in order
	crossed  map[string]string // run that crossed max_memory: by whom that was told
	pids     map[string]int    // of each instance's newest run
	unwanted []string          // ends that nobody wanted

	line   string // a run recycled at its memory line: how it was told
	jobs   string // a run recycled after max_jobs
	victim string // the instance that was OOM-killed
	how    string // who killed it
	back   bool   // the victim's replacement is up
	kills  int
}

func newVerdict() *verdict {
	return &verdict{crossed: map[string]string{}, pids: map[string]int{}}
}

func runKey(e control.Event) string { return fmt.Sprintf("%s#%d", e.Name, e.Run) }

// note takes what an event proves.
func (v *verdict) note(e control.Event) {
	v.seen = append(v.seen, e)
	switch e.Kind {
	case "ready":
		v.pids[e.Name] = e.PID
		if v.victim != "" && e.Name == v.victim {
			v.back = true
		}
	case "tripwire":
		v.crossed[runKey(e)] = "the kernel's tripwire"
		if strings.Contains(e.Message, "sampling") {
			v.crossed[runKey(e)] = "sampling"
		}
	case "ended":
		v.ended(e)
	}
}

func (v *verdict) ended(e control.Event) {
	r := e.Reason
	switch {
	case r == nil || r.Kind == "stopped":
	case r.Kind == "recycled" && r.Detail == "max_memory" && v.crossed[runKey(e)] != "":
		v.line = fmt.Sprintf("%s after %d jobs, told by %s", e.Name, r.JobsDone, v.crossed[runKey(e)])
	case r.Kind == "recycled" && r.Detail == "max_jobs":
		v.jobs = fmt.Sprintf("%s after %d jobs, counted in its output", e.Name, r.JobsDone)
	case r.Kind == "oom_killed" && strings.HasPrefix(e.Name, "import"):
		v.victim, v.how = e.Name, "bulkhead, by sampling"
		v.kills++
		if byKernel(r) {
			v.how = "the kernel, at memory.max"
		}
	default:
		v.unwanted = append(v.unwanted, e.Name+" "+r.Words())
	}
}

// complete reports whether everything has happened, so that the show may end.
func (v *verdict) complete() bool {
	return v.line != "" && v.jobs != "" && v.victim != "" && v.back
}

// neighbours are the instances that an OOM kill must not have touched: those
// beside the victim in its program. It says how they do, and what is wrong.
func (v *verdict) neighbours(all []control.Status) (fine, wrong []string) {
	for _, s := range all {
		name := s.FullName()
		if name == v.victim || s.Program != "import" {
			continue
		}
		if s.State == "RUNNING" && s.Run == 1 && s.PID == v.pids[name] && s.OOMKills == 0 {
			fine = append(fine, fmt.Sprintf("%s is up for %d s", name, s.UptimeSeconds))
		} else {
			wrong = append(wrong, fmt.Sprintf("%s is %s in run %d", name, s.State, s.Run))
		}
	}
	return fine, wrong
}

// finding is one line of the judgement.
type finding struct {
	what string
	held bool
	how  string
}

// findings judge the show. all is the status at its end.
func (v *verdict) findings(all []control.Status) []finding {
	fine, wrong := v.neighbours(all)
	return []finding{
		{"a worker recycled at its memory line", v.line != "", v.line},
		{"a worker OOM-killed in its own compartment", v.victim != "" && v.kills == 1, strings.TrimPrefix(v.victim+" by "+v.how, " by ")},
		{"its neighbours went on", v.victim != "" && len(fine) > 0 && len(wrong) == 0, strings.Join(append(fine, wrong...), ", ")},
		{"a worker recycled after max_jobs", v.jobs != "", v.jobs},
		{"nothing else ended", len(v.unwanted) == 0, strings.Join(v.unwanted, ", ")},
	}
}

// jobsFinding judges the workers' logs after the end: only the job that was
// killed may have been cut short.
func (v *verdict) jobsFinding(p place, all []program) finding {
	f := finding{what: "every other job was finished", held: true}
	var parts []string
	for _, g := range all {
		log, err := readJobLog(p.jobLog(g.name))
		if err != nil {
			return finding{f.what, false, err.Error()}
		}
		cut, allowed := log.cut(), 0
		if g.name == "import" {
			allowed = v.kills
		}
		f.held = f.held && len(cut) == allowed && len(log.started) > 0
		part := fmt.Sprintf("%s %d of %d", g.name, len(log.started)-len(cut), len(log.started))
		if len(cut) > 0 {
			part += " (not " + strings.Join(cut, ", ") + ")"
		}
		parts = append(parts, part)
	}
	f.how = strings.Join(parts, ", ")
	return f
}
