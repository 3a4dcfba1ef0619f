//go:build replay

package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// run is one outage under one supervisor.
type run struct {
	t        *testing.T
	side     string
	rng      *rand.Rand // the same on both sides
	dir      string     // of all files, in memory
	ledger   string
	redis    string // socket
	config   string
	programs []program
	more     string              // tables of bulkhead's configuration beside the programs
	groups   map[string]*os.File // cgroups of what was started, by name
	boss     *exec.Cmd
	gone     chan struct{} // closed when boss has ended

	began   time.Time
	meter   *meter
	probe   *probe
	plugged chan struct{} // closed when the host was given up
	idle    span
	load    span
	cutAt   time.Duration // when the plug was pulled
	mu      sync.Mutex    // of outcome.said
	outcome outcome
}

// The cgroups in which a host with systemd has what a run starts; bulkhead goes into its
// own slice instead of the first.
const (
	services   = "supervisor.service"
	deployment = "deploy.scope"
	operator   = "operator.scope"
)

// mark is in the environment of everything that a run starts.
const mark = "BULKHEAD_REPLAY_RUN=1"

func newRun(t *testing.T, outage, side string, seed uint64) *run {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "replay")
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, side: side, rng: rand.New(rand.NewPCG(seed, 0)), dir: dir, ledger: dir + "/ledger", redis: dir + "/r.sock",
		groups: map[string]*os.File{}, plugged: make(chan struct{}), outcome: outcome{outage: outage, side: side}}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r.write(r.ledger, "")
	for _, name := range []string{services, deployment, operator} {
		// Of this run alone: what is born into a cgroup whose cgroup.kill was ever written to
		// dies at birth (Linux 6.1.129, 6.12.16 and 6.14 up to 6.1.191 and 7.2.13).
		path := filepath.Join(os.Getenv("BULKHEAD_KERNEL_CGROUP"), outage+"-"+side+"-"+name)
		if name == services && side == bulkhead {
			path = r.slice()
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if r.groups[name], err = os.Open(path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.groups[name].Close() })
	}
	return r
}

// slice makes the cgroups that packaging/bulkhead.slice and packaging/bulkhead.service ask for,
// and returns the service's. Debian's supervisor.service asks for nothing.
func (r *run) slice() string {
	r.t.Helper()
	slice := filepath.Join(os.Getenv("BULKHEAD_KERNEL_CGROUP"), "bulkhead-"+r.outcome.outage+".slice")
	service := filepath.Join(slice, "bulkhead.service")
	if err := os.MkdirAll(service, 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.write(filepath.Join(slice, "cgroup.subtree_control"), "+memory +cpu +pids")
	r.write(filepath.Join(slice, "memory.min"), fmt.Sprint(sliceMin<<20))
	r.write(filepath.Join(service, "memory.min"), fmt.Sprint(serviceMin<<20))
	return service
}

// MemoryMin of the slice and of the service, in MB: the slice grants bulkhead's own and the
// sum of memory_min of the programs.
const (
	serviceMin = 32
	sliceMin   = serviceMin + webMin + redisMin
	webMin     = 48
	redisMin   = 200
)

func (r *run) write(path, text string) {
	r.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// say tells people who watch.
func (r *run) say(format string, args ...any) {
	at := time.Duration(0)
	if !r.began.IsZero() {
		at = time.Since(r.began)
	}
	fmt.Printf("%s, %s, %5.1fs: %s\n", r.outcome.outage, r.side, at.Seconds(), fmt.Sprintf(format, args...))
}

// note is for the table as well.
func (r *run) note(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), r.dir+"/", "")
	r.say("%s", text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.said = append(r.outcome.said, text)
}

// fault is a promise that was broken.
func (r *run) fault(format string, args ...any) {
	r.say("FAULT: "+format, args...)
	r.outcome.faults = append(r.outcome.faults, fmt.Sprintf(format, args...))
}

// role is the command of a program that is played by the test binary.
func (r *run) role(words ...any) string {
	return os.Getenv(originKey) + " role " + strings.TrimSuffix(fmt.Sprintln(words...), "\n")
}

func (r *run) bulkhead() bool { return r.side == bulkhead }

// command is one that runs in a cgroup of its own beside this process, and has an OOM
// score, which it would inherit from here otherwise.
func (r *run) command(ctx context.Context, group string, score int, words ...string) *exec.Cmd {
	r.t.Helper()
	cmd := exec.CommandContext(ctx, "choom", append([]string{"-n", strconv.Itoa(score), "--"}, words...)...)
	cmd.Env = append(os.Environ(), mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(r.groups[group].Fd()), Setsid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// configure writes the configuration for the side.
func (r *run) configure(programs []program, more string) {
	r.t.Helper()
	r.programs, r.more = programs, more
	text := ini(r.dir, programs)
	r.config = r.dir + "/supervisord.conf"
	if r.bulkhead() {
		text = toml(r.dir, more, programs)
		r.config = r.dir + "/bulkhead.toml"
	}
	r.write(r.config, text)
}

// start starts the supervisor and waits until the ledger has so many of each program.
func (r *run) start(programs []program, more string) {
	r.t.Helper()
	r.configure(programs, more)
	words, score := []string{"supervisord", "-n", "-c", r.config}, 0
	if r.bulkhead() {
		// What packaging/bulkhead.service says; supervisord's says nothing.
		words, score = []string{os.Getenv("BULKHEAD_BIN"), "serve", "-c", r.config}, -900
	}
	r.boss = r.command(context.Background(), services, score, words...)
	log, err := os.Create(r.dir + "/boss.log")
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	r.boss.Stdout, r.boss.Stderr = log, log
	if err := r.boss.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.gone = make(chan struct{})
	go func() {
		_ = r.boss.Wait()
		close(r.gone)
	}()
	r.await("all programs", 10*time.Minute, func() bool {
		l := r.readLedger()
		for _, p := range programs {
			if len(l.of(p.name)) < p.size {
				return false
			}
		}
		return true
	})
	r.await("the web server", time.Minute, func() bool { return ask() == nil })
	r.say("%s is up, %d MiB available", r.side, r.available()>>20)
}

func (r *run) available() int64 {
	h, err := readHost()
	if err != nil {
		r.t.Fatal(err)
	}
	return h.available
}

// await waits for what must come, or ends the test.
func (r *run) await(what string, most time.Duration, there func() bool) {
	r.t.Helper()
	for end := time.Now().Add(most); !there(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s, %s: no %s after %v\n%s", r.outcome.outage, r.side, what, most, r.logs())
		}
	}
}

// logs are the ends of the supervisor's and the programs' logs.
func (r *run) logs() string {
	var b strings.Builder
	for _, name := range []string{"boss.log", "supervisord.log", "bulkhead.log", "programs.log", "redis.log"} {
		if text, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil && len(text) > 0 {
			fmt.Fprintf(&b, "--- %s\n%s\n", name, text[max(0, len(text)-4000):])
		}
	}
	return b.String()
}

// ctl gives the supervisor an order in its own way. It is not waited for longer than most; a
// code of -1 says that it was killed.
func (r *run) ctl(most time.Duration, words ...string) (out string, code int) {
	r.t.Helper()
	all := []string{"supervisorctl", "-c", r.config}
	if r.bulkhead() {
		all = []string{os.Getenv("BULKHEAD_BIN"), "ctl", "-c", r.config}
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	text, err := r.command(ctx, operator, 0, append(all, words...)...).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		r.t.Fatalf("%q: %v", words, err)
	}
	if ended != nil {
		code = ended.ExitCode()
	}
	return string(text), code
}

// watch begins the measuring, with so long of an idle host.
func (r *run) watch(idle time.Duration) {
	r.t.Helper()
	var err error
	r.began = time.Now()
	if r.meter, err = newMeter(r.began); err != nil {
		r.t.Fatal(err)
	}
	r.probe = newProbe(r.began)
	go r.plug()
	go r.follow()
	time.Sleep(idle)
	r.idle = span{0, time.Since(r.began)}
	r.load.from = r.idle.to
	r.say("idle until here, %d MiB available", r.available()>>20)
}

// plugAfter is a silence after which nobody waits any longer.
const plugAfter = 45 * time.Second

// plug pulls the plug of a host that does not answer any more, as its operator would. A
// Linux 6.1 without swap may go on for many minutes reading the pages of its programs again and
// again before the OOM killer finds that there is no progress.
func (r *run) plug() {
	var kill []*os.File
	for name, f := range r.groups {
		dir := strings.TrimSuffix(f.Name(), "/bulkhead.service") // the programs are beside it
		k, err := os.OpenFile(filepath.Join(dir, "cgroup.kill"), os.O_WRONLY, 0)
		if err != nil {
			r.t.Errorf("%s: %v", name, err)
			return
		}
		defer k.Close()
		kill = append(kill, k)
	}
	for r.probe.silent() < plugAfter {
		select {
		case <-r.probe.quit:
			return
		case <-time.After(time.Second):
		}
	}
	r.cutAt = time.Since(r.began)
	for _, k := range kill {
		_, _ = k.WriteString("1") // the rest is killed at the end
	}
	close(r.plugged)
	r.note("no answer for %v: the plug was pulled", plugAfter)
}

// follow tells people how things stand, as long as it is measured.
func (r *run) follow() {
	for {
		select {
		case <-r.probe.quit:
			return
		case <-time.After(10 * time.Second):
			h := r.meter.newest()
			r.say("%d MiB available, last answer %v ago, full pressure %v in all, %d OOM kills", h.available>>20, brief(r.probe.silent()), brief(h.full), h.kills)
		}
	}
}

// wait is a sleep that ends with the host.
func (r *run) wait(d time.Duration) {
	select {
	case <-r.plugged:
	case <-time.After(d):
	}
}

// down is whether the plug was pulled.
func (r *run) down() bool {
	select {
	case <-r.plugged:
		return true
	default:
		return false
	}
}

// settle is the end of the load: what was measured becomes the outcome. pushed are the jobs.
func (r *run) settle(pushed []string, innocent ...string) {
	r.t.Helper()
	r.load.to = time.Since(r.began)
	o := &r.outcome
	l := r.readLedger()
	o.lost, o.twice = l.jobs(pushed)
	if r.down() {
		r.load.to, o.lost = r.cutAt, l.cut()
	} else {
		o.killed = l.killed(alive)
	}
	o.innocent = innocent
	o.jobs = len(pushed)
	r.meter.stop()
	if r.meter.err != nil {
		r.t.Fatal(r.meter.err)
	}
	all := r.probe.stop()
	o.idle, o.load = all.within(r.idle).p99(), all.within(r.load).p99()
	o.silence = all.longest(r.load)
	o.gaps = all.silences(r.load, time.Second)
	o.took = r.load.to
	o.memory = r.meter.all
	o.full = o.memory[len(o.memory)-1].full - o.memory[0].full
	byName := map[string]int{}
	for _, k := range r.meter.kills {
		if k.host {
			o.hostKills++
			byName[strings.TrimSuffix(k.command, "-server")]++
		}
	}
	if r.down() {
		o.killed = byName
	}
	if n := names(byName); n != "" {
		r.note("the kernel killed for want of the host's memory: %s", n)
	}
	if n := names(o.killed); n != "" {
		r.note("ended without having been asked to: %s", n)
	}
	least := slices.MinFunc(o.memory, func(a, b reading) int { return int(a.available>>10 - b.available>>10) })
	r.note("least memory available: %d MiB", least.available>>20)
	r.say("silence %v, p99 %v idle, %v under load, full pressure %v, %d of %d jobs lost, %d twice", brief(o.silence), brief(o.idle), brief(o.load), brief(o.full), o.lost, o.jobs, o.twice)
}

// alive is false for a zombie too.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	at := bytes.LastIndexByte(text, ')')
	return err == nil && at > 0 && !bytes.HasPrefix(text[at:], []byte(") Z"))
}

// end stops the supervisor in order, then leaves nothing of the run behind: the
// next one begins with the same host.
func (r *run) end() {
	r.t.Helper()
	if r.boss != nil {
		_ = r.boss.Process.Signal(syscall.SIGTERM) // it may be gone
		select {
		case <-r.gone:
		case <-time.After(time.Minute):
			r.say("%s does not end", r.side)
		}
	}
	for try := 0; ; try++ {
		left := marked(r.t)
		if len(left) == 0 {
			break
		}
		if try > 100 {
			r.t.Fatalf("processes that cannot be killed: %v", left)
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		time.Sleep(100 * time.Millisecond)
	}
	if r.boss != nil {
		<-r.gone
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		r.t.Fatal(err)
	}
}

// marked are all processes with the mark in their environment.
func marked(t *testing.T) (pids []int) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if pid, _ := strconv.Atoi(filepath.Base(dir)); err == nil && bytes.Contains(env, []byte(mark)) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
