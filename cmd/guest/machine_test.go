package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testMachine() machine {
	return machine{
		work: "/tmp/w", self: "/tmp/go/guest", memory: "2G", cpus: 2, accel: "tcg",
		kernel: kernel{image: "/c/vmlinuz"},
		root:   share{tag: rootTag, source: "/", socket: "/tmp/w/rootfs.sock"},
		answer: share{tag: answerTag, source: "/out", socket: "/tmp/w/answer.sock"},
	}
}

func TestMachineArgs(t *testing.T) {
	want := strings.Fields(`-M q35 -accel tcg,thread=multi -cpu Nehalem -smp 2 -m 2G
		-display none -monitor none -no-reboot -nic none -serial file:/tmp/w/console
		-object memory-backend-memfd,id=mem,share=on,size=2G -numa node,memdev=mem
		-chardev socket,id=rootfs,path=/tmp/w/rootfs.sock -device vhost-user-fs-pci,queue-size=1024,chardev=rootfs,tag=rootfs
		-chardev socket,id=answer,path=/tmp/w/answer.sock -device vhost-user-fs-pci,queue-size=1024,chardev=answer,tag=answer
		-kernel /c/vmlinuz -append`)
	want = append(want, "console=ttyS0 loglevel=4 panic=-1 oops=panic psi=1 mitigations=off"+
		" rootfstype=virtiofs root=rootfs ro init=/tmp/go/guest -- inside /tmp/w/plan.json")
	if diff := cmp.Diff(want, testMachine().args()); diff != "" {
		t.Errorf("qemu's arguments (-want +got):\n%s", diff)
	}

	m := testMachine()
	m.accel, m.initrd = "kvm", "/tmp/w/initrd"
	line := strings.Join(m.args(), " ")
	for _, want := range []string{
		"-accel kvm -cpu host", "-initrd /tmp/w/initrd",
		"psi=1 rdinit=/init -- early /tmp/go/guest /tmp/w/plan.json",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %q", want, line)
		}
	}
}

func TestShareArgs(t *testing.T) {
	m := testMachine()
	for _, tt := range []struct {
		s    share
		want string
	}{
		{m.root, "--socket-path=/tmp/w/rootfs.sock -o source=/ -o sandbox=chroot -o cache=always -o log_level=err --thread-pool-size=4"},
		{m.answer, "--socket-path=/tmp/w/answer.sock -o source=/out -o sandbox=chroot -o cache=none -o log_level=err --thread-pool-size=4"},
	} {
		if got := strings.Join(tt.s.args(), " "); got != tt.want {
			t.Errorf("share %s: %q, want %q", tt.s.tag, got, tt.want)
		}
	}
}

func TestSocketPathLimit(t *testing.T) {
	if p, err := socketPath("/tmp/guest-1", rootTag); err != nil || p != "/tmp/guest-1/rootfs.sock" {
		t.Errorf("a short path: %q, %v", p, err)
	}
	if _, err := socketPath("/"+strings.Repeat("x", 100), rootTag); err == nil {
		t.Error("a path of 112 bytes was taken; the kernel takes 107")
	}
}

func TestNewMachineForgetsEarlierAnswers(t *testing.T) {
	out := t.TempDir()
	touch(t, out, "kept", answerDir+"/"+statusFile)
	m, err := newMachine("/tmp/w", options{out: out, memory: "2G", cpus: 1, accel: "tcg"}, kernel{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(out, "kept")); err != nil {
		t.Errorf("the caller's file is gone: %v", err)
	}
	if a, answered := readAnswer(m.answerFile(statusFile)); answered {
		t.Errorf("an old answer is taken for new: %v", a)
	}
}

func TestInitrd(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"self": "the program", "b.ko": "bb", "a.ko.xz": "a"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := buildInitrd(filepath.Join(dir, "self"), []string{filepath.Join(dir, "b.ko"), filepath.Join(dir, "a.ko.xz")})
	if err != nil {
		t.Fatal(err)
	}
	got := unpack(t, b)
	want := []string{
		"root 40755 ", "modules 40755 ", "init 100755 the program",
		"modules/00-b.ko 100644 bb", "modules/01-a.ko.xz 100644 a", "TRAILER!!! 0 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	if _, err := buildInitrd(filepath.Join(dir, "nothing"), nil); err == nil {
		t.Error("packed a file that is not there")
	}
}

// unpack lists "name mode content" of a newc archive.
func unpack(t *testing.T, b []byte) (entries []string) {
	t.Helper()
	const header = 6 + 13*8
	for len(b) > 0 {
		if len(b) < header || !bytes.HasPrefix(b, []byte("070701")) {
			t.Fatalf("no entry after %q: %.20q", entries, b)
		}
		field := func(n int) int { return int(parseHex(t, string(b[6+8*n:14+8*n]))) }
		mode, size, name := field(1), field(6), field(11)
		at := (header + name + 3) &^ 3
		entries = append(entries, strings.Join([]string{
			string(b[header : header+name-1]), octal(mode), string(b[at : at+size]),
		}, " "))
		b = b[min(len(b), (at+size+3)&^3):]
	}
	return entries
}

func TestExposed(t *testing.T) {
	there := []string{"/tmp/clone", "/tmp/clone/cmd", "/tmp/clonetoo", "/tmp/x.test", "/tmp", "/run/a", "/srv/b", "/var/tmp/c", "/var/tmpx"}
	exists := func(p string) bool { return slices.Contains(there, p) }
	for _, tt := range []struct {
		paths, want string
	}{
		{"", ""},
		{"/srv/b /usr/bin/true relative -flag /var/tmpx", ""},
		{"/tmp", ""},
		{"/tmp/clone/cmd /tmp/clone /tmp/clonetoo", "/tmp/clone /tmp/clonetoo"},
		{"/tmp/x.test /run/a /var/tmp/c/ /tmp/x.test", "/run/a /tmp/x.test /var/tmp/c"},
		{"/tmp/nothing", ""},
		{"/srv/../tmp/clone", "/tmp/clone"},
	} {
		if got := strings.Join(exposed(strings.Fields(tt.paths), exists), " "); got != tt.want {
			t.Errorf("exposed(%q) = %q, want %q", tt.paths, got, tt.want)
		}
	}
}

// The mounts of the guest depend on one another.
func TestGuestMountsOrder(t *testing.T) {
	at := map[string]int{}
	for i, m := range guestMounts() {
		if _, twice := at[m.Target]; twice {
			t.Errorf("%q is mounted twice", m.Target)
		}
		at[m.Target] = i
	}
	for _, tt := range []struct{ first, then string }{
		{"/sys", cgroupMount}, {"/dev", "/dev/shm"}, {"/dev", "/dev/pts"},
		{"/run", hostRoot}, {"/run", resultsDir},
		{hostRoot, "/tmp"}, {hostRoot, "/var/tmp"}, {hostRoot, "/var/log"}, // bound before they are covered
	} {
		a, ok := at[tt.first]
		b, ok2 := at[tt.then]
		if !ok || !ok2 || a >= b {
			t.Errorf("%q (%d) has to be mounted before %q (%d)", tt.first, a, tt.then, b)
		}
	}
}

func TestPlanRoundTrip(t *testing.T) {
	t.Setenv("CI", "true")
	o := options{command: []string{"sh", "-c", "echo 'a b'\n"}, dir: "/srv", env: []string{"K=V W"}, swap: "64M"}
	p := newPlan(o, kernel{}, testMachine())
	path := filepath.Join(t.TempDir(), "plan")
	if err := p.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("the plan (-written +read):\n%s", diff)
	}
	for _, want := range []string{"HOME=/tmp", "CI=true", "BULKHEAD_KERNEL_TESTS=guest", "BULKHEAD_KERNEL_CGROUP=/sys/fs/cgroup", "BULKHEAD_RESULTS=/run/results", "K=V W"} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("%q is not in the environment %q", want, got.Env)
		}
	}
}
