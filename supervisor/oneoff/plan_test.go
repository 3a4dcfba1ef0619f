package oneoff

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/conf"
)

func host(score int) Host {
	return Host{Env: conf.Env{MemoryTotal: 8 << 30, CPUs: 4, UID: 0, Home: "/root"}, Score: score}
}

func TestNewPlan(t *testing.T) {
	none := conf.Limits{MemoryHigh: conf.Unlimited, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited}
	plain := Plan{Argv: []string{"unzip"}, Limits: none, Score: 500, Slots: 1, Dir: "/run/bulkhead/exec", Settle: time.Second, Wait: Forever, Cgroup: "auto", Overcommit: "allow"}
	for name, tt := range map[string]struct {
		flags Flags
		host  Host
		want  func(*Plan)
	}{
		"nothing":            {Flags{}, host(0), func(*Plan) {}},
		"of a worse victim":  {Flags{}, host(900), func(p *Plan) { p.Score = 900 }},
		"of a protected one": {Flags{}, host(-900), func(*Plan) {}},
		"protect":            {Flags{Protect: true}, host(900), func(p *Plan) { p.Score = -900 }},
		"score":              {Flags{Limits: map[string]string{"oom-score-adj": "0"}}, host(900), func(p *Plan) { p.Score = 0 }},
		"lock":               {Flags{Lock: "unzip", Slots: 4, LockDir: "/locks"}, host(0), func(p *Plan) { p.Lock, p.Slots, p.Dir = "unzip", 4, "/locks" }},
		"wait":               {Flags{Lock: "a", Wait: "5m"}, host(0), func(p *Plan) { p.Lock, p.Wait = "a", 5*time.Minute }},
		"wait for nothing":   {Flags{Wait: "0"}, host(0), func(p *Plan) { p.Wait = 0 }},
		"no wait":            {Flags{NoWait: true}, host(0), func(p *Plan) { p.Wait = 0 }},
		"memory":             {Flags{MinAvailable: "25%", Settle: "0"}, host(0), func(p *Plan) { p.MinAvailable, p.Settle = 2<<30, 0 }},
		"require":            {Flags{Require: true}, host(0), func(p *Plan) { p.Cgroup = "require" }},
		"no cgroup":          {Flags{NoCgroup: true}, host(0), func(p *Plan) { p.Cgroup = "off" }},
		"budget": {Flags{Overcommit: "deny", Limits: map[string]string{"memory-max": "1G"}}, host(0),
			func(p *Plan) { p.Overcommit, p.Limits.MemoryMax = "deny", 1<<30 }},
		"of a user": {Flags{}, Host{Env: conf.Env{UID: 33, Environ: map[string]string{"XDG_RUNTIME_DIR": "/run/user/33"}}},
			func(p *Plan) { p.Dir = "/run/user/33/bulkhead/exec" }},
	} {
		if tt.flags.Overcommit == "" {
			tt.flags.Overcommit = "allow"
		}
		want := plain
		tt.want(&want)
		got, warnings, err := NewPlan(tt.flags, []string{"unzip"}, tt.host)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %v", name, err, warnings)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
	}
}

func TestNewPlanRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		flags Flags
		want  string // every line begins with one of these
	}{
		"lock with a slash":     {Flags{Lock: "a/b"}, `--lock: cannot use "a/b" as a name`},
		"lock with a dot first": {Flags{Lock: ".memory"}, `--lock: cannot use ".memory" as a name`},
		"slots of no lock":      {Flags{Slots: 3}, "--slots: of which lock?"},
		"no slots":              {Flags{Lock: "a", Slots: -1}, "--slots: cannot use -1"},
		"many slots":            {Flags{Lock: "a", Slots: 1025}, "--slots: cannot use 1025"},
		"two scores":            {Flags{Protect: true, Limits: map[string]string{"oom-score-adj": "1"}}, "--protect is an OOM score of its own"},
		"wait and not":          {Flags{Wait: "1s", NoWait: true}, "--no-wait and --wait 1s"},
		"wait until when":       {Flags{Wait: "later"}, `--wait: cannot use "later" as a duration`},
		"settle":                {Flags{Settle: "-1s"}, "--settle: "},
		"more than there is":    {Flags{MinAvailable: "9G"}, "--min-available: cannot wait for 9G: this host has 8G"},
		"all there is":          {Flags{MinAvailable: "max"}, "--min-available: cannot use"},
		"none":                  {Flags{MinAvailable: "0"}, "--min-available: cannot use"},
		"how much":              {Flags{MinAvailable: "much"}, "--min-available: cannot use"},
		"require and none":      {Flags{Require: true, NoCgroup: true}, "--require asks for limits"},
		"overcommit":            {Flags{Overcommit: "maybe", Limits: map[string]string{"memory-max": "1G"}}, `--overcommit: unknown word "maybe"`},
		"nothing to count":      {Flags{Overcommit: "warn"}, "--overcommit warn: a command without --memory-max"},
		"two problems":          {Flags{Slots: 3, Wait: "x"}, "--slots: |--wait: "},
	} {
		if tt.flags.Overcommit == "" {
			tt.flags.Overcommit = "allow"
		}
		_, _, err := NewPlan(tt.flags, []string{"true"}, host(0))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wants, lines := strings.Split(tt.want, "|"), strings.Split(err.Error(), "\n")
		if len(lines) != len(wants) {
			t.Errorf("%s: %v, want %q", name, err, wants)
			continue
		}
		for i, want := range wants {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: %q, want %q", name, lines[i], want)
			}
		}
	}
	for _, argv := range [][]string{nil, {""}} {
		if _, _, err := NewPlan(Flags{Overcommit: "allow"}, argv, host(0)); err == nil || !strings.HasPrefix(err.Error(), "which command?") {
			t.Errorf("%q: %v", argv, err)
		}
	}
}

func TestFlagsOf(t *testing.T) {
	if got := flagsOf([]string{"memory_max", "memory_swap_max", "cpu_max"}); got != "--cpu-max, --memory-max, --swap-max" {
		t.Error(got)
	}
	if got := flagsOf(nil); got != "" {
		t.Error(got)
	}
}
