package control

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The codes of supervisord's states.
var stateCodes = map[string]int{
	"STOPPED": 0, "STARTING": 10, "RUNNING": 20, "BACKOFF": 30,
	"STOPPING": 40, "EXITED": 100, "FATAL": 200, "UNKNOWN": 1000,
}

// StateCode returns supervisord's number for a state's name, UNKNOWN's for a
// name it does not have.
func StateCode(state string) int {
	if c, ok := stateCodes[state]; ok {
		return c
	}
	return stateCodes["UNKNOWN"]
}

// IsStopped says that a state is in supervisord's stopped set: nothing runs
// and nothing is going to.
func IsStopped(state string) bool {
	switch state {
	case "STOPPED", "EXITED", "FATAL", "UNKNOWN":
		return true
	}
	return false
}

// TooQuickly is supervisord's spawnerr of a run that ended within startsecs.
const TooQuickly = "Exited too quickly (process log may have details)"

// HeldBack is what keeps an instance down that would run.
const HeldBack = "held back: the host is short of memory"

// Describe returns the third column of status: supervisord's text (4.2.5,
// _interpretProcessInfo) with what bulkhead knows appended, in local time. It
// reads every field but Description.
//
//	RUNNING          pid 4711, uptime 0:10:00, mem 84M/192M, jobs 120/500
//	STOPPED, EXITED  Nov 21 12:08 AM, crashed: exit code 1
//	                 Not started
//	BACKOFF, FATAL   Exited too quickly (process log may have details), crashed: exit code 1
func Describe(s Status) string {
	switch s.State {
	case "RUNNING":
		return running(&s)
	case "STARTING", "STOPPING":
		return strings.Join(appendMarks(appendNumbers(nil, &s), &s), ", ")
	case "BACKOFF", "FATAL":
		if s.HeldBack {
			return HeldBack
		}
		return failing(s)
	case "STOPPED", "EXITED":
		return ended(s)
	}
	return ""
}

// DescribePlainly is [Describe] in supervisord's own words and no others, for clients that
// read the text; spawnErr is supervisord's word for a failed start.
func DescribePlainly(s Status, spawnErr string) string {
	switch s.State {
	case "RUNNING":
		return fmt.Sprintf("pid %d, uptime %s", s.PID, Timedelta(s.UptimeSeconds))
	case "BACKOFF", "FATAL":
		if spawnErr == "" {
			return fmt.Sprintf("unknown error (try \"tail %s\")", s.Name)
		}
		return spawnErr
	case "STOPPED", "EXITED":
		if s.StartedAt.IsZero() {
			return "Not started"
		}
		return s.EndedAt().Local().Format(stamp)
	}
	return ""
}

// stamp is how supervisord writes when something ended.
const stamp = "Jan 02 03:04 PM"

// EndedAt is when the last run ended, zero when none has.
func (s Status) EndedAt() time.Time {
	if s.StoppedAt.IsZero() && s.LastReason != nil {
		return s.LastReason.At
	}
	return s.StoppedAt
}

func running(s *Status) string {
	parts := append(make([]string, 0, 8), "pid "+strconv.Itoa(s.PID), "uptime "+Timedelta(s.UptimeSeconds))
	return strings.Join(appendMarks(appendNumbers(parts, s), s), ", ")
}

// appendNumbers adds the parts with a line to compare with; unknown ones are left out.
func appendNumbers(parts []string, s *Status) []string {
	switch {
	case s.MaxMemoryBytes > 0:
		parts = append(parts, "mem "+Size(s.MemoryBytes)+"/"+Size(s.MaxMemoryBytes))
	case s.MemoryBytes > 0:
		parts = append(parts, "mem "+Size(s.MemoryBytes))
	}
	switch {
	case s.MaxJobs > 0:
		parts = append(parts, fmt.Sprintf("jobs %d/%d", s.JobsDone, s.MaxJobs))
	case s.JobsDone > 0:
		parts = append(parts, fmt.Sprintf("jobs %d", s.JobsDone))
	}
	return parts
}

func appendMarks(parts []string, s *Status) []string {
	if s.Paused {
		parts = append(parts, "paused")
	}
	if s.Recycling != "" {
		parts = append(parts, "recycling: "+s.Recycling)
	}
	if strings.HasPrefix(s.Health, "failing") {
		parts = append(parts, s.Health)
	}
	return parts
}

func ended(s Status) string {
	if s.StartedAt.IsZero() {
		return "Not started"
	}
	text := s.EndedAt().Local().Format(stamp)
	// That a stopped instance was stopped is said by the state.
	if r := s.LastReason; r != nil && (r.Kind != "stopped" || s.State != "STOPPED") {
		text += ", " + r.Words()
	}
	return text
}

func failing(s Status) string {
	r := s.LastReason
	switch {
	case r == nil:
		return fmt.Sprintf("unknown error (try \"tail %s\")", s.Name)
	case r.Kind == "spawn_failed" && r.Detail != "":
		return r.Detail
	case r.UptimeSeconds == 0 && (r.Kind == "crashed" || r.Kind == "exited"):
		return TooQuickly + ", " + r.Words()
	}
	return r.Words()
}

// Words says why a run ended, in a few words: "recycled: max_memory".
func (r Reason) Words() string {
	switch r.Kind {
	case "crashed", "exited":
		return r.Kind + ": " + r.endedBy()
	case "oom_killed":
		if strings.Contains(r.Detail, BySampling) {
			return "killed by bulkhead: over memory_max"
		}
		return "killed by the kernel: out of memory in its own compartment"
	case "host_oom_killed":
		return "killed by the kernel: the host was out of memory"
	case "killed":
		if strings.HasPrefix(r.Detail, JobTimeout) {
			return JobTimeout
		}
		return "killed: SIGKILL from outside"
	case "stop_timeout":
		return "killed: did not stop in time"
	case "gave_way":
		return "gave way: the host was short of memory"
	case "spawn_failed":
		return withDetail("could not be started", r.Detail)
	case "recycled", "unhealthy":
		return withDetail(r.Kind, r.Detail)
	}
	return r.Kind // stopped, and what a newer server may say
}

// JobTimeout is how the detail of a killed run begins when its program's
// preset says that a SIGKILL out of nowhere is the worker's own: a Laravel
// worker kills itself over a job that takes too long.
const JobTimeout = "job timeout"

// BySampling is in the detail of an oom_killed run where bulkhead keeps
// memory_max because the kernel cannot.
const BySampling = "found by sampling"

func (r Reason) endedBy() string {
	if r.Signal != "" {
		return r.Signal
	}
	return "exit code " + strconv.Itoa(r.ExitCode)
}

func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}

// Timedelta prints seconds as Python prints a timedelta, as supervisorctl
// shows an uptime: 0:10:00, 1 day, 2:03:04, 2 days, 2:03:04. Negative ones, by
// a clock set back, are 0:00:00.
func Timedelta(seconds int64) string {
	seconds = max(seconds, 0)
	const day = int64(24 * time.Hour / time.Second)
	rest := seconds % day
	text := strconv.FormatInt(rest/3600, 10) + ":" + twoDigits(rest%3600/60) + ":" + twoDigits(rest%60)
	switch days := seconds / day; days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	default:
		return fmt.Sprintf("%d days, %s", days, text)
	}
}

func twoDigits(n int64) string { return strconv.FormatInt(n/10, 10) + strconv.FormatInt(n%10, 10) }

// Size prints bytes in the config's units (1024), short: 84M, 1.5G, 700K, 12B.
func Size(n int64) string {
	n = max(n, 0)
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + "B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1023.5 && unit < len(sizeUnits)-1 {
		v, unit = v/1024, unit+1
	}
	if v < 9.95 && unit > 0 { // 1.5G says more than 2G
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + sizeUnits[unit:unit+1]
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + sizeUnits[unit:unit+1]
}

const sizeUnits = "KMGT"
