package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// helper makes the test program be another one, when set.
const helper = "BULKHEAD_DOCTOR_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helper) {
	case "leak":
		leak(os.Stdin, os.Stdout)
	case "look":
		look(os.Stdout)
	default:
		os.Exit(m.Run())
	}
}

const leakStep = 8 << 20

// leak keeps another leakStep for every line that it reads, and answers with one. The memory is not
// Go's: the race detector would keep a shadow of that.
func leak(in io.Reader, out io.Writer) {
	for s := bufio.NewScanner(in); s.Scan(); fmt.Fprintln(out, "done") {
		_, err := syscall.Mmap(-1, 0, leakStep, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
		if err != nil {
			return // the answer that does not come is the error
		}
	}
}

// look prints what a reading of this host says, as JSON.
func look(out io.Writer) {
	h, err := Reader{Root: "/", Self: os.Getpid()}.Read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(out).Encode(Diagnose([]Host{*h}).Document()); err != nil {
		os.Exit(1)
	}
}

// leaking is a process that calls itself a worker, and grows when it is told to.
type leaking struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startLeak starts one, in the cgroup that is open as that descriptor; 0: in ours.
func startLeak(t *testing.T, cgroup int) leaking {
	t.Helper()
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{"php", "artisan", "queue:work", "--memory=64"}, Env: []string{helper + "=leak"},
		SysProcAttr: &syscall.SysProcAttr{UseCgroupFD: cgroup != 0, CgroupFD: cgroup}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait() // it may have been waited for, or killed
	})
	return leaking{cmd, in, bufio.NewReader(out)}
}

// more lets it grow by a leakStep.
func (l leaking) more(t *testing.T) {
	t.Helper()
	if err := l.grow(); err != nil {
		t.Fatal(err)
	}
}

// grow is more for one that may be killed over it.
func (l leaking) grow() error {
	if _, err := io.WriteString(l.in, "more\n"); err != nil {
		return err
	}
	_, err := l.out.ReadString('\n')
	return err
}

const redisData = 64 << 20

// startRedis starts a server on a port of its own, with data in it.
func startRedis(t *testing.T) (pid int, port, file string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_, port, _ = net.SplitHostPort(address)
	free.Close()
	dir := t.TempDir()
	file = filepath.Join(dir, "redis.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsave 3600 1\nappendonly no\n", port, dir)
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "Ready to accept connections"); {
		if line, err = said.ReadString('\n'); err != nil {
			t.Fatalf("redis-server is not ready: %v", err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	value := strings.Repeat("x", 1<<20)
	for i := range redisData >> 20 {
		if _, err := fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$4\r\nk%03d\r\n$%d\r\n%s\r\n", i, len(value), value); err != nil {
			t.Fatal(err)
		}
		if line, err := answers.ReadString('\n'); err != nil || line != "+OK\r\n" {
			t.Fatalf("redis-server answers %q: %v", line, err)
		}
	}
	return cmd.Process.Pid, port, file
}

// TestRealProcesses reads this host, with a Redis server and a leak on it. What they have and how
// they grow is real; the host is made a small one, and the clock goes evenly.
func TestRealProcesses(t *testing.T) {
	server, port, file := startRedis(t)
	worker := startLeak(t, 0)
	leaking := worker.Process.Pid
	worker.more(t)
	reader := Reader{Root: "/", Self: os.Getpid()}
	var all []Host
	for i := range readings {
		worker.more(t)
		take := reader.Light
		if i == readings-1 {
			take = reader.Read
		}
		h, err := take()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *h)
	}
	checkScores(t, &all[readings-1], server, leaking)

	for i := range all {
		all[i].At = time.Unix(int64(i), 0)
		all[i].Memory = Memory{Total: 512 << 20, Available: 48 << 20}
	}
	r := Diagnose(all)
	i := slices.IndexFunc(r.growing(), func(l Leak) bool { return l.PID == leaking })
	if i < 0 {
		t.Fatalf("the leak was not found; growing: %+v, all: %+v", r.growing(), r.leaks)
	}
	l := r.growing()[i]
	if want := 60.0 * leakStep; l.PerMinute < 0.9*want || l.PerMinute > 1.2*want || l.Program != "php artisan queue:work" || l.Own() < readings*leakStep {
		t.Errorf("the leak grows by %.0f a minute, want %.0f: %+v", l.PerMinute, want, l)
	}
	if l.Pss < readings*leakStep || l.Pss > l.RSS+(1<<20) {
		t.Errorf("Pss is %d of RSS %d", l.Pss, l.RSS)
	}
	expect(t, r, "memory-full", Serious, fmt.Sprintf("pid %d, grows by", leaking), `limits.memory_max = "128M"`)
	expect(t, r, "redis-fork", Serious, fmt.Sprintf("by %s: save is on", file), "redis-cli -p "+port)

	p := r.Host.process(server)
	if p == nil || p.Program != "redis-server" || p.Own() < redisData || p.Redis == nil || p.Redis.File != file || p.Redis.Port != port {
		t.Errorf("the Redis server is %+v, %+v", p, p.Redis)
	}
	asOrdinaryUser(t, server)
}

// expect looks for a finding with both texts, the one among the facts, the other in the advice.
func expect(t *testing.T, r *Report, rule string, s Severity, fact, advice string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Rule == rule && f.Severity == s && strings.Contains(strings.Join(f.Facts, "\n"), fact) && strings.Contains(strings.Join(f.Advice, "\n"), advice) {
			return
		}
	}
	t.Errorf("there is no %s, %s, with %q and %q: %+v", rule, s, fact, advice, r.Findings)
}

// checkScores compares our sum with the kernel's: oom_score is (1000 + thousandths) * 2/3 since
// Linux 5.9 (fs/proc/base.c: proc_oom_score). The memory may have changed a little between the two.
func checkScores(t *testing.T, h *Host, pids ...int) {
	t.Helper()
	for _, v := range victims(h) {
		if slices.Contains(pids, v.PID) {
			ours := (1000 + v.Points*1000/(h.Memory.Total+h.Memory.SwapTotal)) * 2 / 3
			if off := int64(v.OOMScore) - ours; off < -2 || off > 2 {
				t.Errorf("%s, pid %d: the kernel's score is %d, ours %d", v.Program, v.PID, v.OOMScore, ours)
			}
		}
	}
}

// asOrdinaryUser looks at the same host with no rights: root's processes have no Pss, and
// everything else is there.
func asOrdinaryUser(t *testing.T, server int) {
	t.Helper()
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{"look"}, Env: []string{helper + "=look"}, Dir: "/"}
	root := os.Geteuid() == 0
	if root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("as an ordinary user: %v", err)
	}
	var d Document
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(d.Programs, func(p DocumentProgram) bool { return slices.Contains(p.PIDs, server) })
	if i < 0 {
		t.Fatalf("an ordinary user does not see the Redis server: %s", out)
	}
	if p := d.Programs[i]; p.RSS < redisData || p.Name != "redis-server" || root != (p.Pss == nil) || d.Unmeasured == 0 {
		t.Errorf("an ordinary user sees %+v, %d not measured", p, d.Unmeasured)
	}
}
