package supervisor

import (
	"slices"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/spawn"
)

// policyOf is what the config says about the life of a program's instances.
func policyOf(p *conf.Program) programs.Policy {
	restart := programs.RestartUnexpected
	switch p.AutoRestart {
	case conf.RestartAlways:
		restart = programs.RestartAlways
	case conf.RestartNever:
		restart = programs.RestartNever
	}
	return programs.Policy{
		AutoRestart:  restart,
		StartWait:    p.StartSecs,
		NeedReady:    p.Notify,
		StartRetries: p.StartRetries,
		ExitCodes:    p.ExitCodes,
		RecycleCodes: p.RecycleCodes,
		SelfKill:     p.SelfKill,
		StopSignal:   int(p.StopSignal),
		StopWait:     max(p.StopWait, time.Millisecond),
		LeftoverWait: max(p.LeftoverWait, time.Millisecond),
		MaxJobs:      p.Recycle.MaxJobs,
		MaxAge:       p.Recycle.MaxAge,
		Jitter:       p.Recycle.Jitter,
		MinLifetime:  p.Recycle.MinLifetime,
		CountsJobs:   countsJobs(p),
	}
}

// checkupOf is when a run of an instance is well.
func checkupOf(p *conf.Program, in *conf.Instance) programs.Checkup {
	return programs.Checkup{
		Asks:     !in.Checks.None(),
		Interval: p.Health.Interval,
		Retries:  p.Health.Retries,
		Start:    p.Health.Start,
		Watchdog: p.Health.Watchdog,
		Silent:   p.Health.Silent,
		Idle:     p.Health.Idle,
	}
}

// watched reports whether anything of the program's runs is looked at.
func watched(p *conf.Program) bool {
	return slices.ContainsFunc(p.Instances, func(in conf.Instance) bool { return checkupOf(p, &in).Wanted() })
}

func countsJobs(p *conf.Program) bool {
	return p.JobPattern != "" || p.JobFormat != "" && p.JobFormat != "none" || p.Notify
}

// wireOf is the tripwire of a run, without one when Line is 0.
func wireOf(p *conf.Program) programs.Wire {
	return programs.Wire{
		Line: int64(p.Recycle.MaxMemory),
		High: int64(p.Limits.MemoryHigh),
		Max:  int64(p.Limits.MemoryMax),
	}
}

// leniencyOf is how a run over its max_memory is judged. What the kernel kills it for is
// no burst.
func leniencyOf(p *conf.Program) programs.Leniency {
	if p.Profile != conf.Permissive {
		return programs.Leniency{}
	}
	line := p.Recycle.MaxMemory
	most := line + conf.Bytes(float64(line)*p.Recycle.Burst)
	return programs.Leniency{Most: int64(min(most, p.Limits.MemoryMax)), Span: p.Recycle.BurstTime}
}

func limitsOf(l conf.Limits) cgroup.Limits {
	return cgroup.Limits{
		MemoryMin:     int64(l.MemoryMin),
		MemoryLow:     int64(l.MemoryLow),
		MemoryHigh:    int64(l.MemoryHigh),
		MemoryMax:     int64(l.MemoryMax),
		MemorySwapMax: int64(l.MemorySwapMax),
		CPUWeight:     l.CPUWeight,
		CPUMax:        l.CPUMax,
		IOWeight:      l.IOWeight,
		PidsMax:       l.PidsMax,
	}
}

// runLimits are the limits of one run: the program's, with the tripwire armed.
func runLimits(p *conf.Program) cgroup.Limits {
	l := limitsOf(p.Limits)
	if w := wireOf(p); w.Line > 0 {
		l.MemoryHigh = w.Arm()
	}
	return l
}

func rlimitsOf(limits []conf.Rlimit) []spawn.Rlimit {
	out := make([]spawn.Rlimit, len(limits))
	for i, r := range limits {
		out[i] = spawn.Rlimit{Resource: r.Resource, Soft: r.Value, Hard: r.Value}
	}
	return out
}

func credentialOf(u *conf.User) *spawn.Credential {
	if u == nil {
		return nil
	}
	return &spawn.Credential{UID: u.UID, GID: u.GID, Groups: u.Groups}
}
