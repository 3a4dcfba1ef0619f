package oneoff

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"bulkhead/conf"
)

const (
	// defaultScore makes the kernel prefer a script's command to services, whose score is 0.
	defaultScore = 500
	// protectedScore spares a command as the supervisor is spared. With -1000 nothing could be
	// killed any more in a cgroup with a limit.
	protectedScore = -900
	maxSlots       = 1024
	// Forever is a wait without end.
	Forever time.Duration = -1
)

// Flags are a command line's options as they are written; "" is not given.
type Flags struct {
	Limits       map[string]string // by option: see conf.LimitFlags
	Protect      bool
	Lock         string
	LockDir      string
	Slots        int // 0: not given
	MinAvailable string
	Settle       string
	Wait         string
	NoWait       bool
	Require      bool
	NoCgroup     bool
	Overcommit   string
}

// Plan is a command and how it is to be run.
type Plan struct {
	Argv         []string
	Limits       conf.Limits
	Score        int // oom_score_adj
	Lock         string
	Slots        int
	Dir          string // of the locks
	MinAvailable conf.Bytes
	Settle       time.Duration // from a start to the next one that waits for memory
	Wait         time.Duration // for lock and memory together; 0: not at all
	Cgroup       string        // auto, require, off
	Overcommit   string        // warn, deny, allow

	// Promised says what of the host's memory is promised to others than
	// commands; asked unless Overcommit is "allow".
	Promised func() (conf.Table, error)
	// Say tells the user something, in one line.
	Say func(format string, args ...any)
}

// Host is what a plan depends on beside the options.
type Host struct {
	Env   conf.Env
	Score int // our own oom_score_adj, which the command would inherit
}

// lockName keeps locks apart from each other's files, and from those that begin with a dot.
var lockName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)

const lockNameMost = 100 // not in the expression: a counted repetition takes half a millisecond of every start to compile

// NewPlan checks the options and fills in what they leave open. The error names
// everything that is wrong with them; the list is of warnings.
func NewPlan(f Flags, argv []string, h Host) (Plan, []string, error) {
	p := Plan{Argv: argv, Lock: f.Lock, Slots: max(f.Slots, 1), Dir: f.LockDir, Cgroup: "auto", Overcommit: f.Overcommit}
	var wrong []error
	problem := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if len(argv) == 0 || argv[0] == "" {
		problem("which command? as in: bulkhead exec --memory-max 512M -- unzip release.zip")
	}
	one, warnings, err := conf.ReadOneoff(f.Limits, h.Env)
	if err != nil {
		wrong = append(wrong, err)
	}
	p.Limits = one.Limits
	_, given := f.Limits["oom-score-adj"]
	p.Score = score(f.Protect, given, one.OOMScoreAdj, h.Score)
	if f.Protect && given {
		problem("--protect is an OOM score of its own: leave it or --oom-score-adj out")
	}
	switch {
	case f.Lock != "" && (len(f.Lock) > lockNameMost || !lockName.MatchString(f.Lock)):
		problem("--lock: cannot use %q as a name: write up to 100 letters, digits, '_', '-' and '.', not beginning with a '.'", f.Lock)
	case f.Lock == "" && f.Slots != 0:
		problem("--slots: of which lock? write --lock NAME, too")
	case f.Slots < 0 || f.Slots > maxSlots:
		problem("--slots: cannot use %d: write a number from 1 to %d", f.Slots, maxSlots)
	}
	p.waiting(f, h.Env, problem)
	switch {
	case f.Require && f.NoCgroup:
		problem("--require asks for limits and --no-cgroup for none: leave one of them out")
	case f.Require:
		p.Cgroup = "require"
	case f.NoCgroup:
		p.Cgroup = "off"
	}
	switch {
	case !slices.Contains([]string{"warn", "deny", "allow"}, f.Overcommit):
		problem("--overcommit: unknown word %q; write warn, deny or allow", f.Overcommit)
	case f.Overcommit != "allow" && p.Limits.MemoryMax == conf.Unlimited && err == nil:
		problem("--overcommit %s: a command without --memory-max promises nothing that could be counted", f.Overcommit)
	}
	if p.Dir == "" {
		p.Dir = filepath.Join(filepath.Dir(conf.DefaultSocket(h.Env)), "exec")
	}
	return p, warnings, errors.Join(wrong...)
}

// waiting reads what is waited for and how long.
func (p *Plan) waiting(f Flags, env conf.Env, problem func(string, ...any)) {
	span := func(flag, text string, otherwise time.Duration) time.Duration {
		if text == "" {
			return otherwise
		}
		d, err := conf.ParseDuration(text)
		if err != nil {
			problem("--%s: %v", flag, err)
		}
		return d
	}
	p.Settle = span("settle", f.Settle, time.Second)
	p.Wait = span("wait", f.Wait, Forever)
	if f.NoWait {
		if f.Wait != "" {
			problem("--no-wait and --wait %s: leave one of them out", f.Wait)
		}
		p.Wait = 0
	}
	if f.MinAvailable == "" {
		return
	}
	n, err := conf.ParseSize(f.MinAvailable, env)
	switch all := env.Memory(); {
	case err != nil:
		problem("--min-available: %v", err)
	case n <= 0 || n == conf.Unlimited:
		problem("--min-available: cannot use %q: write how much must be there, as 2G or 10%%", f.MinAvailable)
	case all > 0 && n > all:
		problem("--min-available: cannot wait for %v: this host has %v of memory", n, all)
	}
	p.MinAvailable = n
}

// score is the command's oom_score_adj. One that is inherited and higher than ours stays: its
// caller was marked as an even better victim.
func score(protect, given bool, asked, inherited int) int {
	switch {
	case protect:
		return protectedScore
	case given:
		return asked
	}
	return max(defaultScore, inherited)
}

// flagsOf turns keys of [limits] into the options that stand for them.
func flagsOf(keys []string) string {
	var out []string
	for _, flag := range slices.Sorted(maps.Keys(conf.LimitFlags)) {
		if slices.Contains(keys, conf.LimitFlags[flag]) {
			out = append(out, "--"+flag)
		}
	}
	return strings.Join(out, ", ")
}

// label is what the command is called in the cgroup tree and in messages.
func (p *Plan) label() string { return filepath.Base(p.Argv[0]) }
