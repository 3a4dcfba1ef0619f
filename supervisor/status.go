package supervisor

import (
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// view makes what others see of an instance. Readings are taken when they are
// asked for, by whoever asks.
func (l *loop) view(in *instance) *view {
	s, p := in.state, in.prog.conf
	v := &view{lastN: s.LastN, idle: in.idle(), reasons: in.reasons,
		inst: in.conf, priority: p.Priority, groupPriority: p.GroupPriority, startSecs: p.StartSecs}
	v.Name, v.Group, v.Program = in.conf.Name, in.conf.Group, p.Name
	v.State = s.Shown().String()
	v.StateCode = int(s.Shown())
	v.StartedAt, v.StoppedAt = in.startedAt, in.stoppedAt
	v.Run = s.LastN
	v.HeldBack = s.WaitsForMemory()
	v.MaxMemoryBytes = int64(p.Recycle.MaxMemory)
	if p.Limits.MemoryMax != conf.Unlimited {
		v.MemoryMaxBytes = int64(p.Limits.MemoryMax)
	}
	v.Restarts, v.Recycles, v.OOMKills = in.restarts, in.recycles, in.oomKills
	v.Health = l.healthText(in)
	v.OOMScoreAdj = p.Process.OOMScoreAdj
	v.Profile = p.Profile
	v.StdoutLog, v.StderrLog = l.auto.target(in.conf, "stdout").Path, l.auto.target(in.conf, "stderr").Path
	if len(in.reasons) > 0 {
		v.LastReason = &in.reasons[0]
		if v.LastReason.Kind == programs.KindSpawnFailed.String() {
			v.failure = v.LastReason.Detail
		}
	}
	if r := s.Cur; r.Live() {
		f := in.facts(r.N)
		v.Run, v.PID, v.live = r.N, f.pid, f.live
		if !f.started.IsZero() {
			v.StartedAt = f.started
		}
		v.JobsDone, v.MaxJobs = int64(r.Jobs), int64(r.MaxJobs)
		v.Paused = in.paused == r.N
		v.Recycling = recycling(s)
	}
	return v
}

func recycling(s programs.State) string {
	switch {
	case s.Due != programs.NoWhy:
		return s.Due.String()
	case s.Cur.Asked == programs.AskedRecycle:
		return s.Cur.Why.String()
	case s.Side.Asked == programs.AskedRecycle:
		return s.Side.Why.String()
	}
	return ""
}

// fresh is the view with readings of now.
func (v *view) fresh(enforced string, now time.Time) control.Status {
	s := v.Status
	s.Enforced = enforced
	if v.live != nil {
		r := v.live.reading()
		s.MemoryBytes, s.MemoryCurrentBytes = r.measure, r.current
		s.MemoryPeakBytes, s.SwapBytes = r.peak, r.swap
		s.Cgroup = r.cgroup
		s.UptimeSeconds = int64(now.Sub(s.StartedAt) / time.Second)
	}
	s.Description = control.Describe(s)
	return s
}
