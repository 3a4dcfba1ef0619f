package conf

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadOneoff(t *testing.T) {
	env := testEnv() // 16 GiB, 4 CPUs
	none := Limits{MemoryHigh: Unlimited, MemoryMax: Unlimited, MemorySwapMax: Unlimited}
	with := func(change func(*Limits)) Limits {
		l := none
		change(&l)
		return l
	}
	for name, tt := range map[string]struct {
		given    map[string]string
		want     Oneoff
		warnings string
		err      string // all of it
	}{
		"nothing": {nil, Oneoff{Limits: none}, "", ""},
		"high above max": {map[string]string{"memory-max": "512M", "memory-high": "25%", "swap-max": "0", "cpu-max": "150%", "cpu-weight": "50",
			"io-weight": "20", "pids-max": "64", "oom-score-adj": "-900"}, Oneoff{}, "",
			"--memory-high: cannot use " + (env.Memory() / 4).String() + ": --memory-max is 512M, so it would never be reached; write less than 512M"},
		"all": {map[string]string{"memory-max": "50%", "memory-high": "1G", "swap-max": "0", "cpu-max": "1.5", "cpu-weight": "50",
			"io-weight": "20", "pids-max": "64", "oom-score-adj": "-900"},
			Oneoff{Limits{MemoryMax: env.Memory() / 2, MemoryHigh: 1 << 30, CPUMax: 1.5, CPUWeight: 50, IOWeight: 20, PidsMax: 64}, -900}, "", ""},
		"max":       {map[string]string{"memory-max": "max", "swap-max": "max", "pids-max": "max", "cpu-max": "max"}, Oneoff{Limits: none}, "", ""},
		"bytes":     {map[string]string{"memory-max": " 8388608 "}, Oneoff{Limits: with(func(l *Limits) { l.MemoryMax = 8 << 20 })}, "", ""},
		"cpus":      {map[string]string{"cpu-max": "2"}, Oneoff{Limits: with(func(l *Limits) { l.CPUMax = 2 })}, "", ""},
		"unit":      {map[string]string{"memory-max": "12Q"}, Oneoff{}, "", `--memory-max: cannot use "12Q" as a size: unknown unit "Q"; write 256M, 1G or 50%`},
		"too small": {map[string]string{"memory-max": "1M"}, Oneoff{}, "", "--memory-max: cannot use 1M: too small for a program to start in; write 4M or more"},
		"negative":  {map[string]string{"memory-max": "-5"}, Oneoff{}, "", `--memory-max: cannot use -5 as a size: it is negative; write 256M, 1G or 50%, "max" for no limit`},
		"weight":    {map[string]string{"cpu-weight": "0"}, Oneoff{}, "", "--cpu-weight: cannot use 0: out of range; write a number from 1 to 10000; the kernel's own is 100"},
		"word":      {map[string]string{"cpu-weight": "high"}, Oneoff{}, "", `--cpu-weight: cannot use the string "high" as a whole number; write a number without quotes`},
		"pids":      {map[string]string{"pids-max": "0"}, Oneoff{}, "", `--pids-max: cannot use 0 as --pids-max: the instance itself is one; write a number from 1, or "max"`},
		"score":     {map[string]string{"oom-score-adj": "2000"}, Oneoff{}, "", "--oom-score-adj: cannot use 2000: out of range; write a number from -1000 to 1000; 500 makes it a likely victim"},
		"no victim": {map[string]string{"oom-score-adj": "-1000", "memory-max": "64M"}, Oneoff{}, "",
			"--oom-score-adj: cannot use -1000 together with a memory limit: the kernel would look for a process to kill for ever; write -999 or more, or remove --memory-max and --memory-high"},
		"two": {map[string]string{"memory-max": "x", "cpu-max": "y"}, Oneoff{}, "",
			"--cpu-max: cannot use \"y\" as CPU time; write a number of CPUs such as 1.5, or \"150%\"\n--memory-max: cannot use \"x\" as a size: it does not start with a number; write 256M, 1G or 50%"},
		"more CPUs than there are": {map[string]string{"cpu-max": "64"}, Oneoff{Limits: with(func(l *Limits) { l.CPUMax = 64 })},
			"--cpu-max: this host has 4 CPUs, so 64 CPUs limit nothing", ""},
	} {
		got, warnings, err := ReadOneoff(tt.given, env)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != tt.err {
			t.Errorf("%s: error\n%s, want\n%s", name, text, tt.err)
		}
		if err == nil && (!cmp.Equal(got, tt.want) || strings.Join(warnings, "|") != tt.warnings) {
			t.Errorf("%s: %+v, %q, want %+v, %q", name, got, warnings, tt.want, tt.warnings)
		}
	}
}

func TestLimitFlagsAreKeys(t *testing.T) {
	keys := map[string]bool{}
	for _, k := range Reference() {
		if k.Where == programTable+".limits" {
			keys[k.Name] = true
		}
	}
	for flag, key := range LimitFlags {
		if !keys[key] {
			t.Errorf("--%s stands for %q, which is no key of [limits]", flag, key)
		}
	}
}

func TestParseSizeAndDuration(t *testing.T) {
	env := testEnv()
	for text, want := range map[string]Bytes{"2G": 2 << 30, "4096": 4096, "50%": env.Memory() / 2, "max": Unlimited} {
		if got, err := ParseSize(text, env); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "G", "-1", "200%"} {
		if got, err := ParseSize(text, env); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	if _, err := ParseSize("50%", Env{}); err == nil {
		t.Error("a share of an unknown host")
	}
	for text, want := range map[string]time.Duration{"5m": 5 * time.Minute, "90": 90 * time.Second} {
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := ParseDuration("soon"); err == nil {
		t.Errorf("soon: %v", got)
	}
}

func TestBudgetWith(t *testing.T) {
	host := HostBudget(Env{MemoryTotal: 10 << 30})
	if host.Reserve != 512<<20 || host.Exceeded() || HostBudget(Env{}).Reserve != 0 {
		t.Errorf("%+v", host)
	}
	one := host.With("unzip (pid 7)", 4<<30)
	two := one.With("unzip (pid 8)", 6<<30)
	free := one.With("tar", Unlimited)
	if one.Exceeded() || !two.Exceeded() || free.Promised != one.Promised || len(free.Unlimited) != 1 || len(host.Rows) != 0 {
		t.Errorf("%+v\n%+v\n%+v", one, two, free)
	}
	if want := "cannot promise 10G to programs (unzip (pid 7) 4G, unzip (pid 8) 6G): of 10G of memory less 512M reserve there are 9728M"; two.Explain() != want {
		t.Errorf("%s\n%s", two.Explain(), want)
	}
	if huge := one.With("x", Unlimited-1); huge.Promised != Unlimited || !huge.Exceeded() {
		t.Errorf("%+v", huge)
	}
}

// FuzzReadOneoff: whatever stands on a command line is a value or an error that names its option.
func FuzzReadOneoff(f *testing.F) {
	for _, text := range []string{"512M", "50%", "max", "-1000", "1e400", "150%", "NaN", "0x10", ""} {
		f.Add("memory-max", text)
		f.Add("cpu-max", text)
		f.Add("oom-score-adj", text)
	}
	env := testEnv()
	f.Fuzz(func(t *testing.T, flag, text string) {
		got, _, err := ReadOneoff(map[string]string{flag: text}, env)
		if err != nil && !strings.HasPrefix(err.Error(), "--"+flag+": ") {
			t.Errorf("--%s %q: %v", flag, text, err)
		}
		if l := got.Limits; err == nil && (l.MemoryMax < minMemory || l.CPUWeight > 10000 || got.OOMScoreAdj < -1000 || got.OOMScoreAdj > 1000) {
			t.Errorf("--%s %q: %+v", flag, text, got)
		}
		_, _ = ParseSize(text, env)
		_, _ = ParseDuration(text)
	})
}
