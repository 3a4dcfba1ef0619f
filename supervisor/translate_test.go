package supervisor

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/spawn"
)

// reaches says for every field of a program into what it is translated, or
// "used:" and by whom it is read as it is. A field that is new must be given a
// line here, and one that is forgotten in translate.go fails the test.
var reaches = map[string]string{
	"Profile":      "leniency",
	"AutoRestart":  "policy",
	"StartSecs":    "policy",
	"StartRetries": "policy",
	"ExitCodes":    "policy",
	"RecycleCodes": "policy",
	"SelfKill":     "policy", // explain.go too
	"StopSignal":   "policy", // and loop.go, act
	"StopWait":     "policy",
	"LeftoverWait": "policy",
	"Notify":       "policy counter",
	"JobFormat":    "policy counter",
	"JobPattern":   "policy counter",
	"User":         "credential",

	"Process.Rlimits": "rlimits",

	"Limits.MemoryMin":     "run",
	"Limits.MemoryLow":     "run",
	"Limits.MemoryHigh":    "run wire",
	"Limits.MemoryMax":     "run wire",
	"Limits.MemorySwapMax": "run",
	"Limits.CPUWeight":     "run",
	"Limits.CPUMax":        "run",
	"Limits.IOWeight":      "run",
	"Limits.PidsMax":       "run",
	"Total.MemoryMin":      "total",
	"Total.MemoryLow":      "total",
	"Total.MemoryHigh":     "total",
	"Total.MemoryMax":      "total",
	"Total.MemorySwapMax":  "total",
	"Total.CPUWeight":      "total",
	"Total.CPUMax":         "total",
	"Total.IOWeight":       "total",
	"Total.PidsMax":        "total",

	"Recycle.MaxJobs":            "policy",
	"Recycle.MaxMemory":          "run wire leniency",
	"Recycle.Burst":              "leniency",
	"Recycle.BurstTime":          "leniency",
	"Recycle.MaxAge":             "policy",
	"Recycle.Jitter":             "policy",
	"Recycle.MinLifetime":        "policy",
	"Recycle.Parallel":           "used: loop.go, admit",
	"Recycle.Overlap":            "used: loop.go, admit",
	"Recycle.WhenAvailableBelow": "used: watermark.go",
	"Recycle.Cooldown":           "used: watermark.go",

	"Health.Interval": "checkup",
	"Health.Timeout":  "used: checks.go",
	"Health.Retries":  "checkup",
	"Health.Start":    "checkup",
	"Health.Watchdog": "checkup",
	"Health.Silent":   "checkup",
	"Health.Idle":     "checkup",

	"GroupName":     "used: reload.go",
	"GroupPriority": "used: order.go",
	"Stdin":         "used: birth.go",
	"ServerURL":     "used: birth.go",
	"Listener":      "used: listeners.go",
	"Fcgi":          "used: birth.go",

	"StdoutCapture.MaxBytes": "used: birth.go",
	"StdoutCapture.Events":   "used: birth.go",
	"StdoutCapture.Syslog":   "used: birth.go",
	"StderrCapture.MaxBytes": "used: birth.go",
	"StderrCapture.Events":   "used: birth.go",
	"StderrCapture.Syslog":   "used: birth.go",

	"Name":                 "used: everywhere",
	"Preset":               "used: orders.go, to say why there is no pause",
	"Instances":            "used: reload.go and birth.go",
	"Umask":                "used: birth.go",
	"EnvFile":              "used: birth.go",
	"Process.Nice":         "used: birth.go",
	"Process.OOMScoreAdj":  "used: birth.go",
	"Process.OOMScoreFree": "used: oomscore.go",
	"Priority":             "used: order.go",
	"AutoStart":            "used: shutdown.go and reload.go",
	"StopAsGroup":          "used: loop.go, act",
	"KillAsGroup":          "used: nowhere, the end is always cgroup.kill",
	"PauseSignal":          "used: orders.go",
	"ResumeSignal":         "used: orders.go",
}

// translations is all that is made of a program, by name.
func translations(p *conf.Program) map[string]any {
	return map[string]any{
		"policy":     policyOf(p),
		"run":        runLimits(p),
		"total":      limitsOf(p.Total),
		"wire":       wireOf(p),
		"leniency":   leniencyOf(p),
		"rlimits":    rlimitsOf(p.Process.Rlimits),
		"credential": credentialOf(p.User),
		"counter":    newCounter(p) != nil,
		"checkup":    checkupOf(p, &conf.Instance{}),
	}
}

// TestEveryFieldIsTranslated changes each field of a program in turn and looks
// what becomes different.
func TestEveryFieldIsTranslated(t *testing.T) {
	seen := map[string]bool{}
	for path := range leaves(reflect.TypeFor[conf.Program](), "") {
		seen[path] = true
		want, ok := reaches[path]
		if !ok {
			t.Errorf("%s is a new field: translate it, and say here into what", path)
			continue
		}
		if strings.HasPrefix(want, "used:") {
			want = ""
		}
		p, q := plainProgram(), plainProgram()
		change(t, field(reflect.ValueOf(&q).Elem(), path))
		before, after := translations(&p), translations(&q)
		var got []string
		for _, name := range []string{"policy", "run", "total", "wire", "leniency", "rlimits", "credential", "counter", "checkup"} {
			if !reflect.DeepEqual(before[name], after[name]) {
				got = append(got, name)
			}
		}
		for _, w := range strings.Fields(want) {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+w+" ") {
				t.Errorf("%s does not reach %s: only %q", path, w, got)
			}
		}
		if len(got) > len(strings.Fields(want)) {
			t.Errorf("%s reaches %q, more than %q", path, got, want)
		}
	}
	for path := range reaches {
		if !seen[path] {
			t.Errorf("%s is no field any more", path)
		}
	}
}

func plainProgram() conf.Program {
	return conf.Program{AutoRestart: conf.RestartUnexpected, StartRetries: -1,
		StopWait: time.Second, LeftoverWait: time.Second, Recycle: conf.Recycle{MaxMemory: 300 << 20, Burst: 0.5, BurstTime: time.Second}, Profile: conf.Permissive,
		Limits: conf.Limits{MemoryHigh: 200 << 20, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited},
		Total:  conf.Limits{MemoryHigh: conf.Unlimited, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited}}
}

// leaves yields the paths of all exported fields; structs of limits are gone into.
func leaves(t reflect.Type, prefix string) map[string]bool {
	out := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() || f.Type == reflect.TypeFor[conf.Position]():
		case f.Type.Kind() == reflect.Struct:
			for path := range leaves(f.Type, prefix+f.Name+".") {
				out[path] = true
			}
		default:
			out[prefix+f.Name] = true
		}
	}
	return out
}

func field(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(name)
	}
	return v
}

// change gives a field another value than it has.
func change(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(map[reflect.Type]string{reflect.TypeFor[conf.AutoRestart](): "true", reflect.TypeFor[string](): "laravel"}[v.Type()])
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int()/2 + 7)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 7)
	case reflect.Float64:
		v.SetFloat(v.Float() + 0.5)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("cannot change a %v", v.Type())
	}
}

func TestPolicyOf(t *testing.T) {
	p := conf.Program{AutoRestart: conf.RestartAlways, StartSecs: 2 * time.Second, StartRetries: 3, ExitCodes: []int{0, 2}, RecycleCodes: []int{12},
		SelfKill: true, StopWait: 4 * time.Second, LeftoverWait: 5 * time.Second, Notify: true,
		Recycle: conf.Recycle{MaxJobs: 6, MaxAge: 7 * time.Second, Jitter: 0.1, MinLifetime: 8 * time.Second}}
	want := programs.Policy{AutoRestart: programs.RestartAlways, StartWait: 2 * time.Second, NeedReady: true, StartRetries: 3, ExitCodes: []int{0, 2},
		RecycleCodes: []int{12}, SelfKill: true, StopWait: 4 * time.Second, LeftoverWait: 5 * time.Second,
		MaxJobs: 6, MaxAge: 7 * time.Second, Jitter: 0.1, MinLifetime: 8 * time.Second, CountsJobs: true}
	if diff := cmp.Diff(want, policyOf(&p)); diff != "" {
		t.Error(diff)
	}
	for word, want := range map[conf.AutoRestart]programs.AutoRestart{
		conf.RestartAlways: programs.RestartAlways, conf.RestartNever: programs.RestartNever, conf.RestartUnexpected: programs.RestartUnexpected,
	} {
		if got := policyOf(&conf.Program{AutoRestart: word}).AutoRestart; got != want {
			t.Errorf("autorestart %q is %d, want %d", word, got, want)
		}
	}
	// No wait at all would be a deadline of "none".
	if p := policyOf(&conf.Program{}); p.StopWait <= 0 || p.LeftoverWait <= 0 {
		t.Errorf("stop wait %v, leftover wait %v", p.StopWait, p.LeftoverWait)
	}
}

func TestCountsJobs(t *testing.T) {
	for _, tt := range []struct {
		p    conf.Program
		want bool
	}{
		{conf.Program{}, false},
		{conf.Program{JobFormat: "none"}, false},
		{conf.Program{JobFormat: "laravel"}, true},
		{conf.Program{JobPattern: "done"}, true},
		{conf.Program{JobFormat: "none", JobPattern: "done"}, true},
		{conf.Program{Notify: true}, true},
	} {
		if got := countsJobs(&tt.p); got != tt.want {
			t.Errorf("%+v: %v", tt.p, got)
		}
	}
}

// The tripwire stands at the lower of max_memory and the user's memory_high;
// everything else of a run's limits is as the config says.
func TestRunLimits(t *testing.T) {
	const m = conf.Bytes(1 << 20)
	for _, tt := range []struct {
		line, high conf.Bytes
		want       int64
	}{
		{0, conf.Unlimited, cgroup.Unlimited},
		{0, 80 * m, 80 << 20},
		{100 * m, conf.Unlimited, 100 << 20},
		{100 * m, 120 * m, 100 << 20},
		{100 * m, 80 * m, 80 << 20},
	} {
		p := conf.Program{Limits: conf.Limits{MemoryHigh: tt.high, MemoryMax: 256 * m}, Recycle: conf.Recycle{MaxMemory: tt.line}}
		if got := runLimits(&p); got.MemoryHigh != tt.want || got.MemoryMax != 256<<20 {
			t.Errorf("max_memory %d, memory_high %d: %+v", tt.line, tt.high, got)
		}
	}
	if cgroup.Unlimited != int64(conf.Unlimited) || programs.Unlimited != cgroup.Unlimited {
		t.Error("the packages do not agree on what unlimited is")
	}
	l := conf.Limits{MemoryMin: 1, MemoryLow: 2, MemoryHigh: 3, MemoryMax: 4, MemorySwapMax: 5, CPUWeight: 6, CPUMax: 7, IOWeight: 8, PidsMax: 9}
	want := cgroup.Limits{MemoryMin: 1, MemoryLow: 2, MemoryHigh: 3, MemoryMax: 4, MemorySwapMax: 5, CPUWeight: 6, CPUMax: 7, IOWeight: 8, PidsMax: 9}
	if diff := cmp.Diff(want, limitsOf(l)); diff != "" {
		t.Error(diff)
	}
}

func TestProcessTranslations(t *testing.T) {
	got := rlimitsOf([]conf.Rlimit{{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Value: 4096}, {Name: "core", Resource: unix.RLIMIT_CORE}})
	want := []spawn.Rlimit{{Resource: unix.RLIMIT_NOFILE, Soft: 4096, Hard: 4096}, {Resource: unix.RLIMIT_CORE}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := credentialOf(nil); c != nil {
		t.Errorf("%+v", c)
	}
	c := credentialOf(&conf.User{Name: "www-data", UID: 33, GID: 34, Groups: []uint32{35, 36}, Home: "/var/www"})
	if diff := cmp.Diff(&spawn.Credential{UID: 33, GID: 34, Groups: []uint32{35, 36}}, c); diff != "" {
		t.Error(diff)
	}
}

func TestTreeOf(t *testing.T) {
	name := func(socket string) string { return treeOf(conf.Supervisor{Socket: socket, Cgroup: "require"}).Name }
	if o := treeOf(conf.Supervisor{Socket: "/run/bulkhead/bulkhead.sock", Cgroup: "require"}); o.Name != "bulkhead" || o.Mode != "require" {
		t.Errorf("%+v", o)
	}
	a, b := name("/tmp/a.sock"), name("/tmp/b.sock")
	if a == b || a != name("/tmp/a.sock") || !strings.HasPrefix(a, "bulkhead-") {
		t.Errorf("two sockets get the trees %q and %q", a, b)
	}
}
