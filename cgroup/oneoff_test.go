package cgroup

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// alive puts this process into the fake's /proc, with the start time.
func (f *fake) alive(pid int, start string, state string) {
	f.t.Helper()
	dir := fmt.Sprintf("%s/%d", f.proc, pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.put(dir, "stat", fmt.Sprintf("%d (a b) %s 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %s 0 0\n", pid, state, start))
}

func (f *fake) oneoffs(mode string) *Oneoffs {
	f.t.Helper()
	f.alive(os.Getpid(), "77", "S")
	s, err := openOneoffs(f.options(mode), f.kernel())
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func TestOneoff(t *testing.T) {
	f := newFake(t, "memory", "pids", "cpu", "io")
	s := f.oneoffs("require")
	if s.Mode() != Enforced || s.Why() != "" {
		t.Errorf("%v: %s", s.Mode(), s.Why())
	}
	s.Leave() // as another command does at its end
	g, err := s.New("unzip", Limits{MemoryMax: 64 << 20, MemorySwapMax: Unlimited, PidsMax: 9})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s/bulkhead-exec/unzip.%d-77-0", f.top, os.Getpid())
	for file, text := range map[string]string{"memory.max": fmt.Sprint(64 << 20), "pids.max": "9", "memory.oom.group": "1"} {
		if got := f.get(g.Path() + "/" + file); got != text || g.Path() != want {
			t.Errorf("%s of %s is %q, want %q of %s", file, g.Path(), got, text, want)
		}
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || all[0].Label != "unzip" || all[0].Owner.PID != os.Getpid() || all[0].MemoryMax != 64<<20 || s.Dead(all[0]) {
		t.Errorf("%+v, %v", all, err)
	}
	if err := s.Sweep(); err != nil {
		t.Error(err)
	}
	s.Leave() // somebody is there
	if err := g.Clear(); err != nil {
		t.Error(err)
	}
	g.Close()
	s.Leave()
	if _, err := os.Stat(f.top + "/bulkhead-exec"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	for _, line := range f.log {
		if strings.Contains(line, "cgroup.procs=") {
			t.Errorf("a process was moved: %s", line)
		}
	}
}

func TestOneoffSweep(t *testing.T) {
	f := newFake(t, "memory")
	s := f.oneoffs("auto")
	top := f.top + "/bulkhead-exec/"
	names := map[string]bool{ // whether it stays
		"gone.4001-5-0":     false,
		"other.4002-5-0":    false, // the number is another process' by now
		"zombie.4003-5-0":   false,
		"lives.4004-5-0":    true,
		"foreign.4001-5-99": true, // of another pid namespace
		"something":         true,
	}
	f.alive(4002, "6", "S")
	f.alive(4003, "5", "Z")
	f.alive(4004, "5", "S")
	for name := range names {
		if err := f.kernel().mkdir(top + name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(); err != nil {
		t.Error(err)
	}
	for name, stays := range names {
		if _, err := os.Stat(top + name); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneoffPlaces(t *testing.T) {
	for name, tt := range map[string]struct {
		own   string // below the mount
		busy  []string
		want  string // the folder, below the mount; "" none
		mode  Mode
		words string
	}{
		"at the root":               {"", nil, "/bulkhead-exec", Enforced, "limits of cpu, io cannot be held"},
		"in a session":              {"/user.slice/session-1.scope", nil, "/bulkhead-exec", Enforced, "limits of cpu, io cannot be held"},
		"beside a supervisor":       {"/docker/bulkhead/supervisor", nil, "/docker/bulkhead-exec", Enforced, "limits of cpu, io cannot be held"},
		"in a program":              {"/bulkhead/programs/deploy/deploy.1", []string{"/bulkhead/programs/deploy/deploy.1"}, "/bulkhead/programs/deploy/deploy.1/bulkhead-exec", Tracking, "whose own limits hold"},
		"in another command":        {"/bulkhead-exec/sh.7-1-0", []string{"/bulkhead-exec/sh.7-1-0"}, "/bulkhead-exec/sh.7-1-0/bulkhead-exec", Tracking, "whose own limits hold"},
		"in a full container's top": {"", []string{""}, "/bulkhead-exec", Tracking, "memory limits cannot be held"},
	} {
		f := newFake(t, "memory", "pids")
		f.put(f.proc+"/self", "mountinfo", "1 1 0:1 / "+f.top+" rw - cgroup2 cgroup2 rw\n")
		f.put(f.proc+"/self", "cgroup", "0::/"+strings.TrimPrefix(tt.own, "/")+"\n")
		f.alive(os.Getpid(), "77", "S")
		dir := f.top
		for part := range strings.SplitSeq(strings.TrimPrefix(tt.own, "/"), "/") {
			if part == "" {
				continue
			}
			for _, c := range []string{"memory", "pids"} {
				if err := f.write(dir+"/cgroup.subtree_control", "+"+c); err != nil {
					t.Fatal(err)
				}
			}
			dir += "/" + part
			if err := f.kernel().mkdir(dir); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range tt.busy {
			f.put(f.top+dir, "cgroup.procs", "1\n")
		}
		s, err := openOneoffs(Options{Proc: f.proc}, f.kernel())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(s.tree.top, f.top); got != tt.want || s.Mode() != tt.mode || !strings.Contains(s.Why(), tt.words) || (s.Why() == "") != (tt.words == "") {
			t.Errorf("%s: %q, %v, %q; want %q, %v, %q", name, got, s.Mode(), s.Why(), tt.want, tt.mode, tt.words)
		}
		if tt.mode == Enforced {
			continue
		}
		for _, dir := range tt.busy { // not even what the kernel would allow
			if on := words(f.top + dir + "/cgroup.subtree_control"); len(on) > 0 {
				t.Errorf("%s: %v are given on in %q", name, on, dir)
			}
		}
		if missing := s.Missing(Limits{MemoryMax: 1, MemorySwapMax: Unlimited}); len(missing) != 1 || missing[0] != "memory_max" {
			t.Errorf("%s: missing %v", name, missing)
		}
		if _, err := openOneoffs(Options{Proc: f.proc, Mode: "require"}, f.kernel()); err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s, required: %v", name, err)
		}
	}
}

func TestOneoffNowhere(t *testing.T) {
	f := newFake(t)
	f.alive(os.Getpid(), "77", "S")
	for _, o := range []Options{{Proc: f.proc}, {Proc: f.proc, Mode: "off"}} {
		s, err := openOneoffs(o, f.kernel())
		if err != nil || s.Mode() != None || s.Why() == "" || s.Room() != Unlimited {
			t.Errorf("%v, %v, %q", err, s.Mode(), s.Why())
		}
		if _, err := s.New("x", Limits{}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
		if all, err := s.List(); len(all) > 0 || err != nil {
			t.Errorf("%v %v", all, err)
		}
		if err := s.Sweep(); err != nil {
			t.Error(err)
		}
		s.Leave()
	}
}

func TestOneoffRoom(t *testing.T) {
	f := newFake(t, "memory")
	s := f.oneoffs("auto")
	if got := s.Room(); got != Unlimited {
		t.Errorf("without a limit: %d", got)
	}
	f.put(f.top, "memory.max", "1000000\n") // as a container sees it
	f.put(f.top, "memory.current", "700000\n")
	f.put(f.top, "memory.stat", "file 300000\nshmem 100000\nslab_reclaimable 50000\n")
	if got := s.Room(); got != 1000000-(700000-200000-50000) {
		t.Errorf("%d", got)
	}
	f.put(f.top, "memory.current", "2000000\n")
	if got := s.Room(); got != 0 {
		t.Errorf("when it is full: %d", got)
	}
}

func TestOneoffNames(t *testing.T) {
	o := Owner{7, 8, 9}
	for label, want := range map[string]string{
		"unzip": "unzip.7-8-9", "": "%.7-8-9", "a.b/c": "a%2Eb%2Fc.7-8-9", "memory": "%6Demory.7-8-9",
		strings.Repeat("x", 300): strings.Repeat("x", 60) + ".7-8-9",
		strings.Repeat(".", 300): strings.Repeat("%2E", 60) + ".7-8-9",
	} {
		got := oneoffName(label, o)
		back, owner, ok := parseOneoffName(got)
		if got != want || !ok || owner != o || back != label[:min(len(label), 60)] {
			t.Errorf("%q: %q, %q %v %v", label, got, back, owner, ok)
		}
	}
	for _, name := range []string{"", "unzip", "unzip.7", "unzip.7-8", "unzip.07-8-9", "unzip.0-8-9", "unzip.-7-8-9", "unzip.7-8-9-1", "unzip.7-8-x", "a b.7-8-9", "un.zip.7-8-9"} {
		if label, owner, ok := parseOneoffName(name); ok {
			t.Errorf("%q: %q %v", name, label, owner)
		}
	}
}

func FuzzParseOneoffName(f *testing.F) {
	f.Add("unzip.7-8-9")
	f.Add("%.1-0-0")
	f.Fuzz(func(t *testing.T, name string) {
		label, owner, ok := parseOneoffName(name)
		if ok && oneoffName(label, owner) != name {
			t.Errorf("%q: %q %v", name, label, owner)
		}
	})
}
