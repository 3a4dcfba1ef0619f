package conf

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const diffBase = `
[programs.q]
command = "run"
numprocs = 2
stdout_logfile = "/tmp/q.log"
environment = { A = "1" }
[programs.z]
command = "z"
`

func TestDiff(t *testing.T) {
	for _, tc := range []struct {
		name     string
		old, new string // text to replace in diffBase, by what
		want     string
	}{
		{"nothing", "", "", ""},
		{"moved", "\n[programs.q]", "\n\n# comment\n[programs.q]", ""},
		{"said otherwise", `command = "run"`, "command = ['run']\nautostart = true\nstartsecs = 1", ""},
		{"more", "numprocs = 2", "numprocs = 4", "q scaled [numprocs] start [q_02 q_03] stop [] restart []"},
		{"fewer", "numprocs = 2", "numprocs = 1\nprocess_name = 'q_%(process_num)02d'", "q scaled [numprocs] start [] stop [q_01] restart []"},
		{"to one, another name", "numprocs = 2", "numprocs = 1", "q scaled [numprocs] start [] stop [q_01] restart []"},
		{"to one, and more", "numprocs = 2", "numprocs = 1\numask = '077'", "q restart [numprocs umask] start [] stop [q_01] restart [q]"},
		{"to none", "numprocs = 2", "numprocs = 0", "q scaled [numprocs] start [] stop [q_00 q_01] restart []"},
		{"shifted", "numprocs = 2", "numprocs = 2\nnumprocs_start = 1", "q scaled [process_name] start [q_02] stop [q_00] restart []"},
		{"renamed", "numprocs = 2", "numprocs = 2\nprocess_name = 'w%(process_num)d'", "q scaled [process_name] start [] stop [] restart []"},
		{"live", "numprocs = 2", "numprocs = 2\npriority = 5\nstopwaitsecs = 99\nrecycle = { max_jobs = 9 }", "q live [priority recycle.max_jobs stopwaitsecs] start [] stop [] restart []"},
		{"live and more", "numprocs = 2", "numprocs = 3\nautorestart = true", "q live [autorestart numprocs] start [q_02] stop [] restart []"},
		{"preset, same keys", "numprocs = 2", "numprocs = 2\npreset = 'symfony-messenger'\nautorestart = 'unexpected'\nrecycle_exitcodes = []\nstopwaitsecs = 10\njob_format = 'none'",
			"q live [preset] start [] stop [] restart []"},
		{"checks", "numprocs = 2", "numprocs = 2\nhealth = { tcp = 'localhost:900%(process_num)d', command = ['x'], retries = 1 }", "q live [health.command health.retries health.tcp] start [] stop [] restart []"},
		{"a check alone", "numprocs = 2", "numprocs = 2\nhealth = { http = 'http://localhost:900%(process_num)d' }", "q live [health.http] start [] stop [] restart []"},
		{"a check, and fewer", "numprocs = 2", "numprocs = 1\nhealth = { http = 'http://localhost' }", "q live [health.http numprocs] start [] stop [q_01] restart []"},
		{"scores are kept no more", "numprocs = 2", "numprocs = 2\nlimits = { oom_score_keep = false }", "q live [limits.oom_score_keep] start [] stop [] restart []"},
		{"command", `"run"`, `"run x"`, "q restart [command] start [] stop [] restart [q_00 q_01]"},
		{"command of one", `"run"`, `"run"` + "\nstdout_logfile_backups = 3", "q restart [stdout_logfile] start [] stop [] restart [q_00 q_01]"},
		{"environment", `A = "1"`, `A = "2"`, "q restart [environment] start [] stop [] restart [q_00 q_01]"},
		{"numprocs in the command", "command = \"run\"\nnumprocs = 2", "command = \"run %(numprocs)d\"\nnumprocs = 3", "q restart [command numprocs] start [q_02] stop [] restart [q_00 q_01]"},
		{"limits", "numprocs = 2", "numprocs = 2\nlimits = { memory_max = '1G', nofile = 9, nice = 1 }", "q live [limits.memory_max limits.nice limits.nofile] start [] stop [] restart []"},
		{"total", "numprocs = 2", "numprocs = 2\ntotal = { pids_max = 9 }", "q live [total.pids_max] start [] stop [] restart []"},
		{"user", "numprocs = 2", "numprocs = 2\nuser = 'www-data'", "q restart [user] start [] stop [] restart [q_00 q_01]"},
		{"restart and fewer", "numprocs = 2", "numprocs = 1\nprocess_name = 'q_%(process_num)02d'\numask = '077'", "q restart [numprocs umask] start [] stop [q_01] restart [q_00]"},
		{"removed", "[programs.z]", "[programs.a]", "added [a] removed [z]"},
		{"supervisor", "\n[programs.q]", "[supervisor]\nlog_level = 'debug'\nenvironment = { S = '1' }\n[host]\nmemory_reserve = 0\n[programs.q]",
			"supervisor [supervisor.log_level]; host; q restart [environment] start [] stop [] restart [q_00 q_01]; z restart [environment] start [] stop [] restart [z]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(diffBase, tc.old, tc.new, 1)
			old, new := mustRead(t, diffBase), mustRead(t, text)
			if got := describe(Diff(old, new)); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

// A floor of the total that is only the instances' sum moves with numprocs.
func TestDiffFloor(t *testing.T) {
	text := diffBase + "[programs.q.limits]\nmemory_min = '1M'\nmemory_low = '2M'\n"
	old, new := mustRead(t, text), mustRead(t, strings.Replace(text, "numprocs = 2", "numprocs = 3", 1))
	if got, want := describe(Diff(old, new)), "q scaled [numprocs] start [q_02] stop [] restart []"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func describe(c Changes) string {
	var parts []string
	if len(c.Supervisor) > 0 {
		parts = append(parts, fmt.Sprint("supervisor ", c.Supervisor))
	}
	if c.Host {
		parts = append(parts, "host")
	}
	if len(c.Added)+len(c.Removed) > 0 {
		parts = append(parts, fmt.Sprintf("added %v removed %v", c.Added, c.Removed))
	}
	for _, x := range c.Changed {
		parts = append(parts, fmt.Sprintf("%s %s %v start %v stop %v restart %v", x.Program, x.Kind, x.Keys, x.Start, x.Stop, x.Restart))
	}
	return strings.Join(parts, "; ")
}

// No field of a configuration can change without Diff saying so: each is
// changed in turn. A new field that Diff does not know fails here.
func TestDiffSeesEveryField(t *testing.T) {
	read := func() *Config {
		return mustRead(t, diffBase+"[programs.q.limits]\nnofile = 5\n[programs.u]\ncommand = 'x'\nuser = 'www-data'\n")
	}
	base := read()
	blind := map[string]bool{ // not part of what runs
		"Path": true, "Files": true, "Host.MemoryTotal": true,
		"Groups": true, "Supervisor.Foreground": true, // the programs tell of their groups; how it was called is no key
		"Programs.Instances.Line": true,                                                       // what is made of it runs
		"Programs.Name":           true, "Programs.Pos.File": true, "Programs.Pos.Line": true, // the name is what identifies a program
	}
	var fields int
	for i := range base.Programs {
		eachLeaf(reflect.ValueOf(base).Elem(), "", i, func(path string, _ reflect.Value) {
			if blind[path] {
				return
			}
			fields++
			changed := read()
			changed.Path, changed.Files = base.Path, base.Files
			eachLeaf(reflect.ValueOf(changed).Elem(), "", i, func(p string, v reflect.Value) {
				if p == path {
					mutate(t, p, v)
				}
			})
			if Diff(base, changed).Empty() {
				t.Errorf("a change of %s is not seen", path)
			}
		})
	}
	if fields < 150 {
		t.Errorf("only %d fields were tried", fields)
	}
}

// eachLeaf visits every exported leaf field; of a list element i, or the last.
func eachLeaf(v reflect.Value, path string, i int, visit func(string, reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for n := range v.NumField() {
			if f := v.Type().Field(n); f.IsExported() {
				eachLeaf(v.Field(n), strings.TrimPrefix(path+"."+f.Name, "."), i, visit)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			eachLeaf(v.Elem(), path, i, visit)
		}
	case reflect.Slice:
		if v.Len() > 0 && v.Index(0).Kind() == reflect.Struct {
			eachLeaf(v.Index(min(i, v.Len()-1)), path, i, visit)
			return
		}
		visit(path, v)
	default:
		visit(path, v)
	}
}

func mutate(t *testing.T, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		if v.Int() == math.MaxInt64 {
			v.SetInt(0)
		} else {
			v.SetInt(v.Int() + 1)
		}
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		if path == "Programs.Process.Rlimits" {
			v.Set(reflect.ValueOf([]Rlimit{{Name: "core"}}))
			return
		}
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"other": "x"}))
	default:
		t.Fatalf("%s: cannot change a %v", path, v.Kind())
	}
}

func TestBudget(t *testing.T) {
	c := mustRead(t, `
[host]
memory_reserve = "1G"
[programs.capped]
command = "x"
numprocs = 8
limits = { memory_max = "256M" }
total = { memory_max = "1G" }
[programs.each]
command = "x"
numprocs = 3
limits = { memory_max = "25%" }
[programs.free]
command = "x"
[programs.none]
command = "x"
numprocs = 0
[programs.together]
command = "x"
numprocs = 4
total = { memory_max = "2G" }
`)
	const g = 1 << 30
	want := Table{
		Rows: []Row{
			{"capped", 8, g / 4, g, g, 0},
			{"each", 3, 4 * g, Unlimited, 12 * g, 0},
			{"free", 1, Unlimited, Unlimited, Unlimited, 0},
			{"none", 0, Unlimited, Unlimited, 0, 0},
			{"together", 4, Unlimited, 2 * g, 2 * g, 0},
		},
		MemoryTotal: 16 * g, Reserve: g, Promised: 15 * g, Unlimited: []string{"free"},
	}
	got := Budget(c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Free() != 0 || got.Exceeded() {
		t.Errorf("free %v, exceeded %v", got.Free(), got.Exceeded())
	}
	c.Host.MemoryReserve++
	if got = Budget(c); got.Free() != -1 || !got.Exceeded() {
		t.Errorf("free %v, exceeded %v", got.Free(), got.Exceeded())
	}
	c.Host.MemoryTotal = 0
	if Budget(c).Exceeded() {
		t.Error("an unknown total is exceeded")
	}
	huge := Program{Name: "huge", Instances: make([]Instance, 4), Limits: Limits{MemoryMax: Unlimited / 2}, Total: Limits{MemoryMax: Unlimited - 1}}
	c = &Config{Host: Host{MemoryTotal: g}, Programs: []Program{huge, huge}}
	if got := Budget(c); got.Promised != Unlimited || !got.Exceeded() {
		t.Errorf("overflow: %+v", got)
	}
}

// What programs without a limit have used at most is counted, but does not keep a config from
// being read.
func TestBudgetOfNeeds(t *testing.T) {
	const g = 1 << 30
	text := `
[host]
memory_reserve = "1G"
overcommit = %q
[programs.capped]
command = "x"
limits = { memory_max = "1G" }
[programs.free]
command = "x"
numprocs = 3
[programs.new]
command = "x"
`
	needs := map[string]Bytes{"capped": 40 << 20, "free": 4 * g, "gone": 100 * g}
	table := Budget(mustRead(t, fmt.Sprintf(text, "warn"))).Needing(needs)
	if table.Promised != g || table.Needed != 12*g || table.Free() != 2*g || table.Exceeded() {
		t.Errorf("%+v: free %v", table, table.Free())
	}
	for i, want := range []struct{ used, need, sensible Bytes }{{40 << 20, 0, 64 << 20}, {4 * g, 12 * g, 6 * g}, {0, 0, 0}} {
		if r := table.Rows[i]; r.Used != want.used || r.Need() != want.need || r.Sensible() != want.sensible {
			t.Errorf("%s: used %v, needs %v, sensible %v", r.Program, r.Used, r.Need(), r.Sensible())
		}
	}
	if got := (Row{Used: 1}).Sensible(); got != 32<<20 {
		t.Errorf("the least that is sensible is %v", got)
	}
	if got := (Row{Numprocs: 9, Promised: Unlimited, Used: Unlimited / 2, Total: Unlimited}).Need(); got != Unlimited {
		t.Errorf("too much to add up is %v", got)
	}
	needs["free"] = 5 * g
	dir := ""
	env := testEnv()
	env.Needs = func(stateDir string) map[string]Bytes { dir = stateDir; return needs }
	const want = "cannot promise 16G to programs (capped 1G, free 3 × 5G used at most): of 16G of memory less 1G reserve there are 15G"
	for word, warned := range map[string]bool{"warn": true, "deny": true, "allow": false} {
		c, warnings, err := readTextAt(t, fmt.Sprintf(text, word), env)
		if err != nil || warned != (len(warnings) == 1) || warned && warnings[0].Message != want || dir != c.Supervisor.StateDir {
			t.Errorf("%s: %v, %v, from %q", word, warnings, err, dir)
		}
	}
}

func TestOvercommitWords(t *testing.T) {
	const text = "[host]\novercommit = %q\n[programs.a]\ncommand = \"x\"\nnumprocs = 2\nlimits = { memory_max = \"10G\" }"
	for word, want := range map[string]string{"deny": "1 0", "warn": "0 1", "allow": "0 0"} {
		_, warnings, err := readText(t, fmt.Sprintf(text, word))
		problems := 0
		if err != nil {
			problems = len(err.(*Problems).List)
		}
		if got := fmt.Sprint(problems, len(warnings)); got != want {
			t.Errorf("%s: %s problems and warnings, want %s", word, got, want)
		}
	}
}
