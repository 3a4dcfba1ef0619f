package conf

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// source is what a program was made from.
type source struct {
	res   *resolver
	at    place // programs.NAME
	name  string
	raw   *rawProgram // with preset and defaults filled in
	names names       // but process_num and numprocs
	given rawProgram  // as written, before preset and defaults
	group membership
}

// program resolves one [programs.NAME] table for one group.
func (res *resolver) program(f *file, name string, raw *rawProgram, g membership) Program {
	src := &source{
		res: res, at: place{f, []string{"programs", name}}, name: name, raw: raw, given: *raw, group: g,
		names: baseNames(f, res.env).env(res.environ).with(values{"program_name": name, "group_name": g.name}),
	}
	if fault := checkName(name); fault != nil {
		res.problem(src.at, fault)
	}
	src.applyPreset()
	if raw.Profile == nil {
		raw.Profile = ptr(text(src.res.profile))
	}
	fill(raw, programDefaults())
	if raw.KillAsGroup == nil {
		raw.KillAsGroup = raw.StopAsGroup
	}
	p := Program{
		Name:         name,
		Preset:       string(*raw.Preset),
		Profile:      string(*raw.Profile),
		Pos:          src.at.pos(),
		User:         src.user(),
		Umask:        -1,
		EnvFile:      src.envFile(),
		Priority:     int(*raw.Priority),
		AutoStart:    bool(*raw.AutoStart),
		AutoRestart:  AutoRestart(*raw.AutoRestart),
		StartSecs:    time.Duration(*raw.StartSecs),
		StartRetries: int(*raw.StartRetries),
		ExitCodes:    *raw.ExitCodes,
		RecycleCodes: *raw.RecycleCodes,
		SelfKill:     bool(*raw.SelfKill),
		StopSignal:   syscall.Signal(*raw.StopSignal),
		StopWait:     time.Duration(*raw.StopWait),
		StopAsGroup:  bool(*raw.StopAsGroup),
		KillAsGroup:  bool(*raw.KillAsGroup),
		LeftoverWait: time.Duration(*raw.LeftoverWait),
		PauseSignal:  syscall.Signal(*raw.PauseSignal),
		ResumeSignal: syscall.Signal(*raw.ResumeSignal),
		Notify:       bool(*raw.Notify),
		JobFormat:    string(*raw.JobFormat),
		JobPattern:   string(*raw.JobPattern),
		Process:      src.process(),
		Limits:       src.cgroup("limits", &raw.Limits.rawCgroup),
		Total:        src.cgroup("total", &raw.Total),
		Recycle:      src.recycle(),
		Health:       src.health(),
		src:          src,

		GroupName:     g.name,
		GroupPriority: g.priority,
	}
	src.channels(&p)
	if raw.Umask != nil {
		p.Umask = int(*raw.Umask)
	}
	return src.multiply(p, int(*raw.NumProcs))
}

// multiply gives p its instances and what depends on their number.
func (src *source) multiply(p Program, numprocs int) Program {
	p.Instances = src.instances(numprocs)
	if src.raw.Total.MemoryMin == nil {
		p.Total.MemoryMin = totalFloor(p.Limits.MemoryMin, numprocs, p.Total.MemoryMax)
	}
	if src.raw.Total.MemoryLow == nil {
		p.Total.MemoryLow = totalFloor(p.Limits.MemoryLow, numprocs, p.Total.MemoryMax)
	}
	return p
}

// applyPreset fills the keys that the program leaves to its preset.
func (src *source) applyPreset() {
	raw := src.raw
	if raw.Preset == nil {
		return
	}
	name := string(*raw.Preset)
	if !slices.Contains(presetNames(), name) {
		src.res.problem(src.at.at("preset"), unknownWord("preset", name, presetNames()...))
		return
	}
	keys := preset(name)
	if raw.JobPattern != nil { // the program's own way of counting replaces the preset's
		keys.JobFormat = nil
	}
	derive(raw, name, src.roughArgv())
	fill(raw, keys)
}

// roughArgv is the command before expansion, good enough to look for options.
func (src *source) roughArgv() []string {
	if src.raw.Command == nil {
		return nil
	}
	if src.raw.Command.argv != nil {
		return src.raw.Command.argv
	}
	words, _ := splitWords(src.raw.Command.line)
	return words
}

func (src *source) user() *User {
	if src.raw.User == nil {
		return nil
	}
	return src.res.user(src.at.at("user"), *src.raw.User, src.names)
}

func (src *source) envFile() string {
	if src.raw.EnvFile == nil {
		return ""
	}
	return src.res.path(src.at.at("env_file"), *src.raw.EnvFile, src.names)
}

func (src *source) process() ProcessLimits {
	raw := &src.raw.Limits
	limits := ProcessLimits{OOMScoreAdj: int(*raw.OOMScoreAdj), OOMScoreFree: !bool(*raw.OOMScoreKeep), Nice: int(*raw.Nice)}
	for _, l := range []struct {
		name     string
		resource int
		value    *amount
	}{
		{"nofile", unix.RLIMIT_NOFILE, raw.NoFile},
		{"nproc", unix.RLIMIT_NPROC, raw.NProc},
		{"core", unix.RLIMIT_CORE, raw.Core},
		{"memlock", unix.RLIMIT_MEMLOCK, raw.MemLock},
		{"stack", unix.RLIMIT_STACK, raw.Stack},
	} {
		if l.value != nil {
			limits.Rlimits = append(limits.Rlimits, Rlimit{l.name, l.resource, uint64(*l.value)})
		}
	}
	return limits
}

func (src *source) cgroup(table string, raw *rawCgroup) Limits {
	bytes := func(key string, z *size) Bytes { return src.res.bytes(src.at.at(table, key), z) }
	return Limits{
		MemoryMin:     bytes("memory_min", raw.MemoryMin),
		MemoryLow:     bytes("memory_low", raw.MemoryLow),
		MemoryHigh:    bytes("memory_high", raw.MemoryHigh),
		MemoryMax:     bytes("memory_max", raw.MemoryMax),
		MemorySwapMax: bytes("memory_swap_max", raw.MemorySwapMax),
		CPUWeight:     uint64(max(0, *raw.CPUWeight)),
		CPUMax:        float64(*raw.CPUMax),
		IOWeight:      uint64(max(0, *raw.IOWeight)),
		PidsMax:       int64(*raw.PidsMax),
	}
}

func (src *source) recycle() Recycle {
	raw := &src.raw.Recycle
	r := Recycle{
		MaxJobs:     int(*raw.MaxJobs),
		MaxMemory:   src.res.bytes(src.at.at("recycle", "max_memory"), raw.MaxMemory),
		MaxAge:      time.Duration(*raw.MaxAge),
		Jitter:      float64(*raw.Jitter),
		MinLifetime: time.Duration(*raw.MinLifetime),
		Parallel:    int(*raw.Parallel),
		Overlap:     bool(*raw.Overlap),
		Burst:       float64(*raw.Burst),
		BurstTime:   time.Duration(*raw.BurstTime),

		WhenAvailableBelow: src.res.bytes(src.at.at("recycle", "when_available_below"), raw.WhenAvailableBelow),
		Cooldown:           time.Duration(*raw.Cooldown),
	}
	if r.MaxMemory == Unlimited { // "max": never
		r.MaxMemory = 0
	}
	return r
}

// merged is the program's environment over the supervisor's.
func (src *source) merged(own map[string]string) map[string]string {
	all := maps.Clone(src.res.environ)
	maps.Copy(all, own)
	return all
}
