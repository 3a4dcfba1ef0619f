package programs

import (
	"slices"
	"time"
)

// Policy is what the config says about the life of an instance.
type Policy struct {
	AutoRestart  AutoRestart
	StartWait    time.Duration // startsecs; 0: RUNNING as soon as there is a process
	NeedReady    bool          // RUNNING at READY=1 instead of after StartWait
	StartRetries int           // below 0: never given up, delays grow exponentially
	ExitCodes    []int         // expected
	RecycleCodes []int         // by which a worker recycles itself
	SelfKill     bool          // a SIGKILL that nobody sent is the worker's own job timeout
	StopSignal   int           // its number, to know an end by it
	StopWait     time.Duration
	LeftoverWait time.Duration

	MaxJobs     int           // 0 none
	MaxAge      time.Duration // 0 none
	Jitter      float64       // share of MaxJobs and MaxAge that chance takes away
	MinLifetime time.Duration
	CountsJobs  bool // finished jobs can be seen, so that none means none
}

// AutoRestart is supervisord's autorestart.
type AutoRestart uint8

// What happens after an exit that nobody asked for.
const (
	RestartUnexpected AutoRestart = iota // restart unless the code is in ExitCodes
	RestartAlways
	RestartNever
)

const (
	backoffFirst  = time.Second
	backoffMost   = 60 * time.Second
	backoffForget = time.Minute // of running, after which earlier crashes are forgotten
	backoffJitter = 0.2         // share of the delay that chance takes away

	// pace spaces the starts of a worker that recycles itself without having done
	// anything: `--stop-when-empty` on an empty queue must not spin.
	pace = time.Second

	readyWait = 90 * time.Second // for READY=1, as systemd waits

	killAgain = time.Second // cgroup.kill is written again until the kernel confirms
	maxKills  = 10          // counted so far, then only repeated
)

func (p Policy) expected(code int) bool { return slices.Contains(p.ExitCodes, code) }
func (p Policy) recycles(code int) bool { return slices.Contains(p.RecycleCodes, code) }
