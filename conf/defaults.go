package conf

import (
	"math"
	"path/filepath"
	"time"
)

// Every default of every key is in this file.

func ptr[T any](v T) *T { return &v }

const (
	defaultPriority  = 999
	listenerPriority = -1 // of the group; the process has the other
)

// programDefaults are supervisord's, but for: startretries (never given up),
// the log files (our own output), and the job timeouts of the presets.
func programDefaults() *rawProgram {
	return &rawProgram{
		Preset:        ptr(text("generic")),
		ProcessName:   nil, // NAME, or NAME_00 with several instances: see processName
		NumProcs:      ptr(whole(1)),
		NumProcsStart: ptr(whole(0)),
		Priority:      ptr(whole(defaultPriority)),

		AutoStart:    ptr(toggle(true)),
		AutoRestart:  ptr(restart(RestartUnexpected)),
		StartSecs:    ptr(span(time.Second)),
		StartRetries: ptr(whole(-1)),
		ExitCodes:    ptr(codes{0}),
		RecycleCodes: ptr(codes{}),
		SelfKill:     ptr(toggle(false)),

		StopSignal:   ptr(signal(15)), // TERM
		StopWait:     ptr(span(10 * time.Second)),
		StopAsGroup:  ptr(toggle(false)),
		KillAsGroup:  nil, // as stopasgroup
		LeftoverWait: ptr(span(2 * time.Second)),
		PauseSignal:  ptr(signal(0)),
		ResumeSignal: ptr(signal(0)),

		Environment: ptr(pairs{table: map[string]string{}}),

		RedirectStderr: ptr(toggle(false)),
		Stdout:         ptr(text("-")),
		StdoutMaxBytes: ptr(size{bytes: 50 << 20}),
		StdoutBackups:  ptr(whole(10)),
		Stderr:         ptr(text("-")),
		StderrMaxBytes: ptr(size{bytes: 50 << 20}),
		StderrBackups:  ptr(whole(10)),

		StdoutCapture: ptr(size{}),
		StdoutEvents:  ptr(toggle(false)),
		StdoutSyslog:  ptr(toggle(false)),
		StderrCapture: ptr(size{}),
		StderrEvents:  ptr(toggle(false)),
		StderrSyslog:  ptr(toggle(false)),
		Stdin:         ptr(text("null")),
		ServerURL:     ptr(text(Auto)),

		Notify:     ptr(toggle(false)),
		JobFormat:  ptr(text("none")),
		JobPattern: ptr(text("")),

		Listener: rawListener{
			BufferSize: ptr(whole(10)),
			Handler:    ptr(text(defaultHandler)),
		},
		Fcgi: rawFcgi{
			Backlog: ptr(whole(0)),
			Mode:    ptr(octal(0o700)),
		},
		Limits: rawLimits{
			rawCgroup:    cgroupDefaults(),
			OOMScoreAdj:  ptr(whole(0)),
			OOMScoreKeep: ptr(toggle(true)),
			Nice:         ptr(whole(0)),
		},
		Total: cgroupDefaults(),
		Recycle: rawRecycle{
			MaxJobs:     ptr(whole(0)),
			MaxMemory:   ptr(size{}),
			MaxAge:      ptr(span(0)),
			Jitter:      ptr(share(0.1)),
			MinLifetime: ptr(span(10 * time.Second)),
			Parallel:    ptr(whole(1)),
			// Two at once is harmless for most queue workers, but not for a
			// server with a port, nor for jobs that one worker must do in turn.
			Overlap: ptr(toggle(false)),

			WhenAvailableBelow: ptr(size{}),
			Cooldown:           ptr(span(10 * time.Minute)),
		},
		Health: rawHealth{
			Interval: ptr(span(10 * time.Second)),
			Timeout:  ptr(span(5 * time.Second)),
			Retries:  ptr(whole(3)),
			Start:    ptr(span(30 * time.Second)),
			Watchdog: ptr(span(0)),
			Silent:   ptr(span(0)),
			Idle:     ptr(span(0)),
		},
	}
}

// cgroupDefaults leave the kernel's own: no limit, no protection, weight 100.
func cgroupDefaults() rawCgroup {
	none := size{bytes: Unlimited}
	return rawCgroup{
		MemoryMin:     nil, // none; of a total: what its instances need, see totalFloor
		MemoryLow:     nil,
		MemoryHigh:    &none,
		MemoryMax:     &none,
		MemorySwapMax: &none,
		CPUWeight:     ptr(whole(0)),
		CPUMax:        ptr(cpus(0)),
		IOWeight:      ptr(whole(0)),
		PidsMax:       ptr(pids(0)),
	}
}

func hostDefaults() rawHost {
	return rawHost{
		// The kernel's own tables, sshd, a monitoring agent and a login shell
		// grow with the host: a twentieth is 200 MB of 4 GB, 3 GB of 64 GB.
		MemoryReserve: ptr(size{percent: 5}),
		Overcommit:    ptr(text("warn")),
		// The kernel begins to reclaim for good, and its OOM killer to look around, in the
		// last hundredths. All tasks waiting at once is work that nobody does.
		Pressure: rawPressure{
			HoldBelow: ptr(size{percent: 10}), HoldFull: ptr(share(0.05)),
			PauseBelow: ptr(size{percent: 7}), PauseFull: ptr(share(0.10)),
			ScaleBelow: ptr(size{percent: 5}), ScaleFull: ptr(share(0.20)),
			ReclaimBelow: ptr(size{percent: 4}), ReclaimFull: ptr(share(0.20)),
			KillBelow: ptr(size{percent: 2}), KillFull: ptr(share(0.40)),
			Relief: ptr(span(30 * time.Second)),
		},
	}
}

// supervisorDefaults follow the FHS for root and the XDG base directories for
// anyone else.
func supervisorDefaults(env Env) rawSupervisor {
	return rawSupervisor{
		Socket:          ptr(text(DefaultSocket(env))),
		SocketMode:      ptr(octal(0o700)),
		SocketOwner:     ptr(text("")),
		LogFile:         ptr(text("")),
		LogFileMaxBytes: ptr(size{bytes: 50 << 20}),
		LogFileBackups:  ptr(whole(10)),
		LogLevel:        ptr(text("info")),
		Cgroup:          ptr(text(CgroupAuto)),
		Orphans:         ptr(text(OrphansStop)),
		Include:         ptr(texts{}),
		Environment:     ptr(pairs{table: map[string]string{}}),

		ServerURL:   ptr(text(Auto)),
		LogStyle:    ptr(text("bulkhead")),
		Silent:      ptr(toggle(false)),
		Identifier:  ptr(text("supervisor")),
		PidFile:     ptr(text("")),
		ChildLogDir: ptr(text(tempDir(env))),
		NoCleanup:   ptr(toggle(false)),
		StripANSI:   ptr(toggle(false)),
		Directory:   ptr(text("")),
		MinFDs:      ptr(whole(0)),
		MinProcs:    ptr(whole(0)),
	}
}

func serverDefaults() rawServer { return rawServer{Mode: ptr(octal(0o700)), Owner: ptr(text(""))} }

func notifyDefaults() rawNotify {
	return rawNotify{
		Events:   ptr(texts{"fatal", "oom_killed", "host_oom_killed", "oom_kill", "gave_way", "unhealthy", "unkillable", "outgrown", "trouble"}),
		Programs: ptr(texts{}), Interval: ptr(span(time.Minute)), Limit: ptr(whole(20)), Timeout: ptr(span(30 * time.Second)), Retries: ptr(whole(5)),
	}
}

func groupDefaults() rawGroup { return rawGroup{Priority: ptr(whole(defaultPriority))} }

func tempDir(env Env) string {
	if dir := env.Environ["TMPDIR"]; filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return "/tmp"
}

// DefaultSocket is the socket of a supervisor whose config names none.
func DefaultSocket(env Env) string {
	if env.UID == 0 {
		return "/run/bulkhead/bulkhead.sock"
	}
	if dir := env.Environ["XDG_RUNTIME_DIR"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "bulkhead", "bulkhead.sock")
	}
	return filepath.Join(DefaultStateDir(env), "bulkhead.sock")
}

// DefaultStateDir is the state_dir of a supervisor whose config names neither that nor a socket.
func DefaultStateDir(env Env) string {
	if env.UID == 0 {
		return "/var/lib/bulkhead"
	}
	if dir := env.Environ["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "bulkhead")
	}
	return filepath.Join("/", env.Home, ".local", "state", "bulkhead")
}

// processName is the default of process_name: supervisord's when there is one
// instance, else with the number that supervisord demands.
func processName(numprocs int) string {
	if numprocs == 1 {
		return "%(program_name)s"
	}
	return "%(program_name)s_%(process_num)02d"
}

// totalFloor is the default of total's memory_min and memory_low: what all
// instances ask for, since the kernel protects a cgroup only as far as its
// parents are protected (Documentation/admin-guide/cgroup-v2.rst, memory.min).
func totalFloor(each Bytes, numprocs int, ceiling Bytes) Bytes {
	return min(times(each, numprocs), ceiling)
}

// times multiplies and stays at Unlimited instead of overflowing.
func times(b Bytes, n int) Bytes {
	if n > 0 && b > math.MaxInt64/Bytes(n) {
		return Unlimited
	}
	return b * Bytes(n)
}
