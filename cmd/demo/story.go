package main

import (
	"fmt"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

// story renders the supervisor's events. It holds what the words need: who
// enforces, and what is known of each run.
type story struct {
	*paper
	place   place
	began   time.Time
	kernel  bool // the kernel enforces, not sampling
	verdict *verdict
	ending  bool // the demo stops everything: that is no news
}

// event tells one event, and reports whether it was an OOM kill.
func (s *story) event(e control.Event) (oom bool) {
	s.verdict.note(e)
	switch e.Kind {
	case "ready":
		s.up(e)
	case "tripwire", "over_limit":
		s.over(e)
	case "stopping":
		if !s.ending {
			s.line(e, plain, e.Message+"; it may finish the job in hand", "")
		}
	case "ended":
		return s.end(e)
	case "trouble", "spawn_failed", "outgrown", "unkillable":
		s.line(e, red, e.Message, "")
	}
	return false
}

func (s *story) line(e control.Event, i ink, what, from string) {
	s.tell(e.At.Sub(s.began), nameOf(e), i, what, from)
}

func nameOf(e control.Event) string {
	if e.Name == "" {
		return "bulkhead"
	}
	_, name, found := strings.Cut(e.Name, ":")
	if !found {
		return e.Name
	}
	return name
}

func (s *story) up(e control.Event) {
	if e.Run == 1 {
		s.line(e, plain, fmt.Sprintf("up, pid %d", e.PID), "")
		return
	}
	s.line(e, green, fmt.Sprintf("its replacement is up, pid %d (run %d)", e.PID, e.Run), "")
}

// over is a line that was crossed: max_memory or, by sampling, memory_max.
func (s *story) over(e control.Event) {
	what, _, _ := strings.Cut(e.Message, ", told by ")
	from := "the kernel's tripwire (memory.high at max_memory)"
	if strings.Contains(e.Message, "sampling") {
		from = "sampling" + s.insteadOf()
	}
	s.line(e, amber, what, from)
}

func (s *story) insteadOf() string {
	if s.kernel {
		return ""
	}
	return " (why not the kernel: see above)"
}

func (s *story) end(e control.Event) (oom bool) {
	r := e.Reason
	switch {
	case r == nil:
		s.line(e, plain, e.Message, "")
	case r.Kind == "recycled":
		s.line(e, green, r.Words()+s.lived(r)+s.finished(e), recycledBy(r))
	case r.Kind == "oom_killed":
		who, _, _ := strings.Cut(r.Words(), ":")
		s.line(e, red, who+": "+r.Detail, s.killedBy(r))
		return !s.ending
	case s.ending && r.Kind == "stopped":
	default:
		s.line(e, red, r.Words()+s.lived(r)+" ("+r.Detail+")", "")
	}
	return false
}

func (s *story) lived(r *control.Reason) string {
	return fmt.Sprintf(" after %d jobs and %d s", r.JobsDone, r.UptimeSeconds)
}

// finished looks up in the worker's log what became of its last job.
func (s *story) finished(e control.Event) string {
	program, _, _ := strings.Cut(e.Name, ":")
	log, err := readJobLog(s.place.jobLog(program))
	if err != nil {
		return " (" + err.Error() + ")"
	}
	job := log.last(e.PID)
	switch {
	case job == "":
		return ""
	case log.done[job]:
		return "; its log ends with " + job + " DONE"
	}
	return "; " + job + " was cut short"
}

func recycledBy(r *control.Reason) string {
	if r.Detail == "max_jobs" {
		return "bulkhead: it counts DONE lines in the output, and starts the replacement first"
	}
	return "bulkhead: replacement first, then SIGTERM and the worker's own exit"
}

func (s *story) killedBy(r *control.Reason) string {
	if byKernel(r) {
		return "the kernel, memory.max of this one cgroup (its memory.events count an oom_kill)"
	}
	return "sampling; bulkhead killed this one instance" + s.insteadOf()
}

// byKernel reports whether an OOM kill was the kernel's.
func byKernel(r *control.Reason) bool { return !strings.Contains(r.Detail, control.BySampling) }

// pulse is a line between the events: how everybody does.
func (s *story) pulse(all []control.Status) {
	var parts []string
	last := ""
	for _, st := range all {
		switch {
		case st.Program == last:
			parts[len(parts)-1] += " " + memory(st)
		default:
			parts = append(parts, st.Program+" "+memory(st))
		}
		last = st.Program
	}
	s.tell(time.Since(s.began), "memory now", dim, strings.Join(parts, ", "), "")
}

func memory(st control.Status) string {
	if st.State != "RUNNING" {
		return strings.ToLower(st.State)
	}
	if st.MaxMemoryBytes > 0 {
		return control.Size(st.MemoryBytes) + " of " + control.Size(st.MaxMemoryBytes)
	}
	return control.Size(st.MemoryBytes)
}
