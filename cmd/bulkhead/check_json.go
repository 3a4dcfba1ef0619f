package main

import (
	"bulkhead/conf"
	"bulkhead/supervisor"
)

// checked is what check --json prints. Sizes are bytes, null is "no limit".
type checked struct {
	Valid    bool             `json:"valid"`
	Config   string           `json:"config,omitempty"`
	Files    []string         `json:"files,omitempty"`
	Enforced string           `json:"enforced,omitempty"` // here: kernel or sampling
	Why      string           `json:"why,omitempty"`      // why not by the kernel, or not all
	Programs []checkedProgram `json:"programs"`
	Budget   *checkedBudget   `json:"budget"`
	Warnings []checkedProblem `json:"warnings"`
	Problems []checkedProblem `json:"problems"`
}

type checkedProgram struct {
	Name        string         `json:"name"`
	Preset      string         `json:"preset"`
	Instances   []string       `json:"instances"` // full names
	Limits      checkedLimits  `json:"limits"`
	Total       checkedLimits  `json:"total"`
	Recycle     checkedRecycle `json:"recycle"`
	OOMScoreAdj int            `json:"oom_score_adj"`
	UsedAtMost  *int64         `json:"used_at_most"` // by one instance; null: not known
	SensibleMax *int64         `json:"sensible_memory_max"`
}

type checkedLimits struct {
	MemoryMin     int64   `json:"memory_min"`
	MemoryLow     int64   `json:"memory_low"`
	MemoryHigh    *int64  `json:"memory_high"`
	MemoryMax     *int64  `json:"memory_max"`
	MemorySwapMax *int64  `json:"memory_swap_max"`
	CPUWeight     uint64  `json:"cpu_weight"` // 0: not set
	CPUMax        float64 `json:"cpu_max"`    // CPUs, 0: no limit
	IOWeight      uint64  `json:"io_weight"`  // 0: not set
	PidsMax       int64   `json:"pids_max"`   // 0: no limit
}

type checkedRecycle struct {
	MaxJobs       int     `json:"max_jobs"`   // 0: none
	MaxMemory     int64   `json:"max_memory"` // 0: none
	MaxAgeSeconds float64 `json:"max_age_seconds"`
}

type checkedBudget struct {
	MemoryTotal int64    `json:"memory_total"`
	Reserve     int64    `json:"reserve"`
	Promised    int64    `json:"promised"`
	Needed      int64    `json:"needed"` // by programs without a limit, as far as it is known
	Free        int64    `json:"free"`   // negative: too much is promised
	Unlimited   []string `json:"unlimited"`
}

type checkedProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0: unknown
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func checkJSON(cfg *conf.Config, warnings []conf.Warning, all *conf.Problems) checked {
	out := checked{Programs: []checkedProgram{}, Warnings: []checkedProblem{}, Problems: []checkedProblem{}}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, problemJSON(conf.Problem(w)))
	}
	if all != nil {
		for _, p := range all.List {
			out.Problems = append(out.Problems, problemJSON(p))
		}
		return out
	}
	out.Valid, out.Config, out.Files = true, cfg.Path, cfg.Files
	out.Enforced, out.Why = supervisor.Enforcement(cfg.Supervisor)
	t := budget(cfg)
	for i, p := range cfg.Programs {
		out.Programs = append(out.Programs, programJSON(p, t.Rows[i]))
	}
	out.Budget = &checkedBudget{
		MemoryTotal: int64(t.MemoryTotal), Reserve: int64(t.Reserve), Promised: int64(t.Promised), Needed: int64(t.Needed),
		Free: int64(t.Free()), Unlimited: listed(t.Unlimited),
	}
	return out
}

func problemJSON(p conf.Problem) checkedProblem {
	return checkedProblem{File: p.Pos.File, Line: p.Pos.Line, Key: p.Key, Message: p.Message, Hint: p.Hint}
}

func programJSON(p conf.Program, r conf.Row) checkedProgram {
	out := checkedProgram{
		Name: p.Name, Preset: p.Preset, Instances: []string{}, Limits: limitsJSON(p.Limits), Total: limitsJSON(p.Total),
		Recycle:     checkedRecycle{p.Recycle.MaxJobs, int64(p.Recycle.MaxMemory), p.Recycle.MaxAge.Seconds()},
		OOMScoreAdj: p.Process.OOMScoreAdj,
	}
	if r.Used > 0 {
		out.UsedAtMost, out.SensibleMax = new(int64(r.Used)), new(int64(r.Sensible()))
	}
	for _, i := range p.Instances {
		out.Instances = append(out.Instances, i.FullName())
	}
	return out
}

func limitsJSON(l conf.Limits) checkedLimits {
	return checkedLimits{
		MemoryMin: int64(l.MemoryMin), MemoryLow: int64(l.MemoryLow), MemoryHigh: orNull(l.MemoryHigh),
		MemoryMax: orNull(l.MemoryMax), MemorySwapMax: orNull(l.MemorySwapMax), CPUWeight: l.CPUWeight, CPUMax: l.CPUMax,
		IOWeight: l.IOWeight, PidsMax: l.PidsMax,
	}
}

func orNull(b conf.Bytes) *int64 {
	if b == conf.Unlimited {
		return nil
	}
	return new(int64(b))
}
