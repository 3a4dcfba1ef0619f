package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

const sigterm = syscall.SIGTERM

// explain makes the reason that users read out of the one that was decided,
// and of what the run left behind.
func explain(r programs.Reason, f *runFacts, p *conf.Program, now time.Time) control.Reason {
	out := control.Reason{
		Kind:            r.Kind.String(),
		At:              now,
		Run:             r.Run,
		ExitCode:        r.Exit.Code,
		UptimeSeconds:   int64(r.Lived / time.Second),
		MemoryPeakBytes: f.last.peak,
		JobsDone:        int64(r.Jobs),
		Job:             f.last.job,
	}
	if r.Exit.Signal != 0 {
		out.Signal = unix.SignalName(syscall.Signal(r.Exit.Signal))
	}
	out.Detail = detail(r, f, p)
	if r.Kind == programs.KindSpawnFailed {
		out.SpawnErr = spawnErr(f.failure)
	}
	return out
}

func detail(r programs.Reason, f *runFacts, p *conf.Program) string {
	switch r.Kind {
	case programs.KindSpawnFailed:
		return f.failure.Error()
	case programs.KindRecycled:
		if r.Why == programs.Own {
			return ownRecycle(r.Exit.Code)
		}
		return r.Why.String()
	case programs.KindOOMKilled:
		return oomDetail(r, f, p)
	case programs.KindHostOOMKilled:
		return "no limit of its own or of its program was hit: the host, or a cgroup above, was out of memory" + inHand(f)
	case programs.KindKilled:
		if p.SelfKill {
			return control.JobTimeout + inHand(f)
		}
		return "a SIGKILL that neither the kernel's OOM killer nor bulkhead sent" + inHand(f)
	case programs.KindStopTimeout:
		return fmt.Sprintf("did not end within stopwaitsecs (%v)", p.StopWait) + inHand(f)
	case programs.KindUnhealthy:
		if r.Asked == programs.AskedUnhealthy {
			return unhealthyWords(f) + inHand(f)
		}
		return "did not say READY=1 in time"
	case programs.KindCrashed:
		if !r.Up && r.Exit.Signal == 0 {
			return fmt.Sprintf("exit code %d before startsecs (%v)", r.Exit.Code, p.StartSecs) + inHand(f)
		}
		return endedBy(r.Exit) + inHand(f)
	case programs.KindGaveWay:
		if r.Asked == programs.AskedSacrifice {
			return "killed: the host was out of memory, and it was the cheapest to lose" + inHand(f)
		}
		return "ended in good order: the host was short of memory" + inHand(f)
	case programs.KindUnknown:
		return "it ended while no supervisor was there to be told how" + inHand(f)
	case programs.KindExited:
		return endedBy(r.Exit)
	case programs.KindStopped:
		if r.Asked == programs.AskedRestart {
			return "restart"
		}
		return "requested"
	}
	return ""
}

func ownRecycle(code int) string {
	if code == 12 {
		return "own (exit code 12: the worker's --memory)"
	}
	return fmt.Sprintf("own (exit code %d)", code)
}

func oomDetail(r programs.Reason, f *runFacts, p *conf.Program) string {
	switch {
	case r.Asked == programs.AskedLimit:
		return fmt.Sprintf("over memory_max %s, found by sampling", control.Size(int64(p.Limits.MemoryMax))) + inHand(f)
	case r.Exit.OOM == programs.ProgramOOM:
		return fmt.Sprintf("the program's total memory_max %s was hit", control.Size(int64(p.Total.MemoryMax))) + inHand(f)
	}
	return fmt.Sprintf("memory_max %s was hit, peak %s", control.Size(int64(p.Limits.MemoryMax)), control.Size(f.last.peak)) + inHand(f)
}

func endedBy(x programs.Exit) string {
	if x.Signal != 0 {
		text := unix.SignalName(syscall.Signal(x.Signal))
		if x.Core {
			text += " (core dumped)"
		}
		return text
	}
	return fmt.Sprintf("exit code %d", x.Code)
}

// inHand names the job that was cut short, if one was.
func inHand(f *runFacts) string {
	if f.last.job == "" {
		return ""
	}
	return fmt.Sprintf(", job in hand: %s, for %v", f.last.job, f.last.jobFor.Round(time.Millisecond))
}
