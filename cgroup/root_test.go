package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	for _, c := range []struct {
		name, table string
		want        mount
		memoryV1    bool
	}{
		{"unified", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
			mount{"/sys/fs/cgroup", "/"}, false},
		{"hybrid", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
			"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
			"38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			mount{"/sys/fs/cgroup/unified", "/"}, true},
		{"memory shares a v1 hierarchy", "35 31 0:32 / /cg/m rw - cgroup cgroup rw,cpu,memory\n", mount{}, true},
		{"v1 without memory", "35 31 0:32 / /cg/m rw - cgroup cgroup rw,cpu,cpuset\n", mount{}, false},
		{"second place loses", "1 1 0:1 / /mnt/cg rw - cgroup2 cgroup2 rw\n2 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n3 1 0:1 / /x rw - cgroup2 cgroup2 rw\n",
			mount{"/sys/fs/cgroup", "/"}, false},
		{"blanks", `1 1 0:1 /my\040root /mnt/c\134g\040x rw - cgroup2 cgroup2 rw` + "\n", mount{`/mnt/c\g x`, "/my root"}, false},
		{"none", "1 1 0:1 / / rw - ext4 /dev/vda rw\n", mount{}, false},
		{"torn", "30 23 0:26 / /sys\ncgroup2 - cgroup2\n - cgroup2 cgroup2 rw\n", mount{}, false},
		{"bad octal stays", `1 1 0:1 / /a\9x\7 rw - cgroup2 cgroup2 rw`, mount{`/a\9x\7`, "/"}, false},
	} {
		got, v1 := parseMounts([]byte(c.table))
		if got != c.want || v1 != c.memoryV1 {
			t.Errorf("%s: parseMounts = %v, %v, want %v, %v", c.name, got, v1, c.want, c.memoryV1)
		}
	}
}

func TestParseOwn(t *testing.T) {
	for text, want := range map[string]string{
		"0::/\n": "/",
		"9:name=systemd:/x\n4:memory:/process/abc\n0::/user.slice/a:b\n": "/user.slice/a:b",
		"0::/with space": "/with space",
		"4:memory:/\n":   "",
		"":               "",
		"10::/no\n":      "",
	} {
		if got := parseOwn([]byte(text)); got != want {
			t.Errorf("parseOwn(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestOwnDir(t *testing.T) {
	for _, c := range []struct{ mount, top, own, want string }{
		{"/sys/fs/cgroup", "/", "/", "/sys/fs/cgroup"},
		{"/sys/fs/cgroup", "/", "/a/b", "/sys/fs/cgroup/a/b"},
		{"/sys/fs/cgroup", "/docker/x", "/docker/x", "/sys/fs/cgroup"},
		{"/sys/fs/cgroup", "/docker/x", "/docker/x/y", "/sys/fs/cgroup/y"},
		{"/sys/fs/cgroup", "/docker/x", "/docker/xy", ""},
		{"/sys/fs/cgroup", "/docker/x", "/other", ""},
		{"/sys/fs/cgroup", "/", "/../../user.slice", ""},
		{"/sys/fs/cgroup", "/", "/gone (deleted)", ""},
		{"/sys/fs/cgroup", "/", "", ""},
		{"/sys/fs/cgroup", "/", "x", ""},
	} {
		if got := ownDir(c.mount, c.top, c.own); got != c.want {
			t.Errorf("ownDir(%q, %q, %q) = %q, want %q", c.mount, c.top, c.own, got, c.want)
		}
	}
}

func TestSites(t *testing.T) {
	const m = "/sys/fs/cgroup"
	manager := m + "/user.slice/user-1000.slice/user@1000.service"
	slice := m + "/bulkhead.slice"
	unit, scope := m+"/system.slice/bulkhead.service", m+"/user.slice/session-3.scope"
	all := func(dirs ...string) map[string]bool {
		out := map[string]bool{}
		for _, d := range dirs {
			out[d] = true
		}
		return out
	}
	for _, c := range []struct {
		name string
		host host
		want []site
	}{
		{"no v2", host{}, nil},
		{"delegated service", host{mount: m, realRoot: true, own: unit, delegated: []string{unit}, memory: all(m, unit)},
			[]site{{unit, true, false}, {m, false, false}}},
		{"delegated, in systemd's own subgroup", host{mount: m, realRoot: true, own: unit + "/main", delegated: []string{unit}, memory: all(m, unit)},
			[]site{{unit, true, false}, {m, false, false}, {unit + "/main", true, false}}},
		{"restarted", host{mount: m, realRoot: true, own: unit + "/bulkhead/supervisor", delegated: []string{unit}, memory: all(m, unit)},
			[]site{{unit, true, false}, {m, false, false}, {unit + "/bulkhead/supervisor", true, false}}},
		{"restarted at the top", host{mount: m, realRoot: true, own: m + "/bulkhead/supervisor", memory: all(m)},
			[]site{{m, false, false}, {m + "/bulkhead/supervisor", true, false}}},
		{"root at the real root", host{mount: m, realRoot: true, own: m, memory: all(m)}, []site{{m, false, false}}},
		{"root in a session", host{mount: m, realRoot: true, own: scope, memory: all(m, scope)}, []site{{m, false, false}, {scope, true, false}}},
		{"root in a container", host{mount: m, own: m, memory: all(m)}, []site{{m, true, false}}},
		{"root, own cgroup out of sight", host{mount: m, memory: all(m)}, []site{{m, true, false}}},
		{"user with a delegated scope", host{mount: m, realRoot: true, own: scope, delegated: []string{scope, m + "/user.slice"}, memory: all(m, scope), uid: 1000},
			[]site{{scope, true, false}, {m, false, false}}},
		{"user with a delegated scope of his own systemd", host{mount: m, realRoot: true, own: manager + "/app.slice/x.scope", delegated: []string{manager}, memory: all(m, manager, manager+"/app.slice/x.scope"), uid: 1000},
			[]site{{manager + "/app.slice/x.scope", true, false}, {m, false, false}}},
		{"restarted there", host{mount: m, realRoot: true, own: manager + "/app.slice/x.scope/bulkhead/supervisor", delegated: []string{manager}, memory: all(m, manager), uid: 1000},
			[]site{{manager + "/app.slice/x.scope", true, false}, {m, false, false}, {manager + "/app.slice/x.scope/bulkhead/supervisor", true, false}}},
		{"root with one of his", host{mount: m, realRoot: true, own: manager + "/app.slice/x.scope", delegated: []string{manager}, memory: all(m, manager, manager+"/app.slice/x.scope")},
			[]site{{manager + "/app.slice/x.scope", true, false}, {m, false, false}}},
		{"user with a subtree by chown", host{mount: m, realRoot: true, own: m + "/mine", memory: all(m, m+"/mine"), uid: 1000},
			[]site{{m + "/mine", true, false}, {m, false, false}}},
		{"a program of another supervisor", host{mount: m, realRoot: true, own: unit + "/bulkhead/programs/x/x.1", delegated: []string{unit}, memory: all(m, unit)},
			[]site{{unit + "/bulkhead/programs/x/x.1", true, false}, {unit, true, false}, {m, false, false}}},
		{"restarted inside another supervisor", host{mount: m, realRoot: true, own: m + "/bulkhead/programs/x/x.1/bulkhead/supervisor", memory: all(m)},
			[]site{{m + "/bulkhead/programs/x/x.1", true, false}, {m, false, false}, {m + "/bulkhead/programs/x/x.1/bulkhead/supervisor", true, false}}},
		{"delegated without memory", host{mount: m, realRoot: true, own: unit, delegated: []string{unit}, memory: all(m)},
			[]site{{m, false, false}, {unit, true, false}}},
		{"a service in a slice of ours", host{mount: m, realRoot: true, own: slice + "/bulkhead.service", delegated: []string{slice + "/bulkhead.service"}, memory: all(m, slice, slice+"/bulkhead.service")},
			[]site{{slice, false, true}, {slice + "/bulkhead.service", true, false}, {m, false, false}}},
		{"in systemd's own subgroup there", host{mount: m, realRoot: true, own: slice + "/a.service/main", delegated: []string{slice + "/a.service"}, memory: all(m, slice, slice+"/a.service")},
			[]site{{slice, false, true}, {slice + "/a.service", true, false}, {m, false, false}, {slice + "/a.service/main", true, false}}},
		{"in a slice inside it", host{mount: m, realRoot: true, own: slice + "/bulkhead-two.slice/b.service", memory: all(m, slice+"/bulkhead-two.slice")},
			[]site{{slice + "/bulkhead-two.slice", false, true}, {m, false, false}, {slice + "/bulkhead-two.slice/b.service", true, false}}},
		{"in one of a user's own systemd", host{mount: m, realRoot: true, own: manager + "/bulkhead.slice/x.service", delegated: []string{manager}, memory: all(m, manager, manager+"/bulkhead.slice", manager+"/bulkhead.slice/x.service"), uid: 1000},
			[]site{{manager + "/bulkhead.slice", false, true}, {manager + "/bulkhead.slice/x.service", true, false}, {m, false, false}}},
		{"there without the memory controller", host{mount: m, realRoot: true, own: slice + "/x.service", memory: all(m)},
			[]site{{m, false, false}, {slice, false, true}, {slice + "/x.service", true, false}}},
		{"of a similar name", host{mount: m, realRoot: true, own: m + "/bulkheads.slice/x.service", memory: all(m)},
			[]site{{m, false, false}, {m + "/bulkheads.slice/x.service", true, false}}},
		{"a scope there", host{mount: m, realRoot: true, own: slice + "/x.scope", delegated: []string{slice + "/x.scope"}, memory: all(m, slice+"/x.scope")},
			[]site{{slice + "/x.scope", true, false}, {m, false, false}}},
		{"a program of a supervisor there", host{mount: m, realRoot: true, own: slice + "/bulkhead/programs/x/x.1", memory: all(m)},
			[]site{{slice + "/bulkhead/programs/x/x.1", true, false}, {m, false, false}}},
		{"still in its service's own cgroup there", host{mount: m, realRoot: true, own: slice + "/x.service/bulkhead/supervisor", delegated: []string{slice + "/x.service"}, memory: all(m, slice, slice+"/x.service")},
			[]site{{slice + "/x.service", true, false}, {slice, false, true}, {m, false, false}, {slice + "/x.service/bulkhead/supervisor", true, false}}},
		{"hybrid", host{mount: m + "/unified", realRoot: true, own: m + "/unified", memoryV1: true}, []site{{m + "/unified", false, false}}},
		{"given", host{mount: m, own: unit, delegated: []string{unit}, fixed: true}, []site{{m, true, false}}},
	} {
		if got := sites(c.host, "bulkhead"); !slices.Equal(got, c.want) {
			t.Errorf("%s: sites = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLook(t *testing.T) {
	f := newFake(t, "memory", "pids")
	own := f.top + "/unit"
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	f.fill(own, []string{"pids"})
	proc := t.TempDir()
	if err := os.Mkdir(proc+"/self", 0o755); err != nil {
		t.Fatal(err)
	}
	f.put(proc+"/self", "mountinfo", "1 1 0:1 /top "+f.top+" rw - cgroup2 cgroup2 rw\n2 1 0:2 / /m rw - cgroup cgroup rw,memory\n")
	f.put(proc+"/self", "cgroup", "4:memory:/x\n0::/top/unit\n")
	h, err := look(Options{Proc: proc})
	if err != nil {
		t.Fatal(err)
	}
	if h.mount != f.top || h.own != own || h.realRoot || !h.memoryV1 || h.fixed || h.uid != os.Geteuid() ||
		!h.memory[f.top] || h.memory[own] || len(h.delegated) != 0 {
		t.Errorf("look = %+v", h)
	}
	if err := os.Remove(f.top + "/cgroup.type"); err != nil {
		t.Fatal(err)
	}
	if h, err = look(Options{Proc: proc}); err != nil || !h.realRoot {
		t.Errorf("look without cgroup.type = %+v, %v, want the real root", h, err)
	}
	if _, err := look(Options{Proc: filepath.Join(proc, "none")}); err == nil {
		t.Error("look without /proc succeeded")
	}
}

func FuzzProcTables(f *testing.F) {
	f.Add("38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "0::/a\n")
	f.Add(`1 1 0:1 / /a\040b\777 rw - cgroup2 x rw`, "0::/../x (deleted)")
	f.Fuzz(func(t *testing.T, table, own string) {
		m, _ := parseMounts([]byte(table))
		dir := ownDir(m.point, m.root, parseOwn([]byte(own)))
		if dir != "" && m.point != "" && filepath.IsAbs(m.point) && !strings.HasPrefix(dir, filepath.Clean(m.point)) {
			t.Errorf("own directory %q lies outside the mount %q", dir, m.point)
		}
	})
}
