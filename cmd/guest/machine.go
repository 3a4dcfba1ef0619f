package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Tags by which the guest finds its two shares.
const (
	rootTag   = "rootfs"
	answerTag = "answer"
)

// A virtual machine that has not said that it started, or has not been heard
// of for a while, is dead: emulation crashes now and then.
const (
	bootLimit = 3 * time.Minute
	heartbeat = 10 * time.Second
)

var errDead = errors.New("the virtual machine died")

// runGuest boots a virtual machine for the command, and a second one when the
// first dies under it.
func runGuest(ctx context.Context, opts options) (int, error) {
	k, err := findKernel(ctx, opts.cache, opts.kernel)
	if ctx.Err() != nil {
		return ended(ctx, opts)
	}
	if err != nil {
		return exitLane, err
	}
	for try := 1; ; try++ {
		status, err := boot(ctx, opts, k)
		if ctx.Err() != nil {
			status, cause := ended(ctx, opts)
			if status == exitTimeLimit { // what it was at helps, when nobody stopped it
				cause = errors.Join(cause, err)
			}
			return status, cause
		}
		if err == nil || !errors.Is(err, errDead) || try == 2 {
			return status, err
		}
		fmt.Fprintf(os.Stderr, "guest: %v\nguest: once more, in a new one\n", err)
	}
}

// boot runs one virtual machine from start to end.
func boot(ctx context.Context, opts options, k kernel) (int, error) {
	work, err := os.MkdirTemp("", "guest-")
	if err != nil {
		return exitLane, fmt.Errorf("cannot create the working directory: %v", err)
	}
	if opts.keep {
		fmt.Fprintf(os.Stderr, "guest: working files in %s\n", work)
	} else {
		defer func() { _ = os.RemoveAll(work) }()
	}
	m, err := newMachine(work, opts, k)
	if err != nil {
		return exitLane, err
	}
	if err := m.writeInitrd(); err != nil {
		return exitLane, err
	}
	if err := newPlan(opts, k, m).write(m.planPath()); err != nil {
		return exitLane, err
	}
	log, err := os.Create(filepath.Join(work, "log"))
	if err != nil {
		return exitLane, fmt.Errorf("cannot create the log: %v", err)
	}
	defer func() { _ = log.Close() }()
	for _, s := range []share{m.root, m.answer} {
		stop, err := s.serve(log)
		if err != nil {
			return exitLane, err
		}
		defer stop()
		if err := s.listening(ctx); err != nil {
			return exitLane, err
		}
	}
	return m.run(ctx, log)
}

// machine is one virtual machine's description.
type machine struct {
	work         string // our own files
	kernel       kernel
	memory       string
	cpus         int
	silence      time.Duration // after which it is dead
	accel        string
	mitigations  bool
	root, answer share
	self         string // this program: the guest's process 1
	initrd       string // "" for a kernel that mounts virtiofs by itself
}

func newMachine(work string, opts options, k kernel) (machine, error) {
	m := machine{work: work, kernel: k, memory: opts.memory, cpus: opts.cpus, silence: opts.silence, accel: opts.accel, mitigations: opts.mitigations}
	self, err := os.Executable()
	if err != nil {
		return m, fmt.Errorf("cannot find this program: %v", err)
	}
	m.self = self
	out := opts.out
	if out == "" {
		out = filepath.Join(work, "results")
	}
	// Only our own side of the share: what an earlier run left in out stays,
	// its answer must not be taken for ours.
	if err := os.RemoveAll(filepath.Join(out, answerDir)); err != nil {
		return m, fmt.Errorf("cannot clear the results: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(out, answerDir), 0o755); err != nil {
		return m, fmt.Errorf("cannot create the results: %v", err)
	}
	m.root = share{tag: rootTag, source: "/"}
	m.answer = share{tag: answerTag, source: out}
	for _, s := range []*share{&m.root, &m.answer} {
		if s.socket, err = socketPath(work, s.tag); err != nil {
			return m, err
		}
	}
	return m, nil
}

// writeInitrd gives a kernel the modules it needs for its root, if any.
func (m *machine) writeInitrd() error {
	modules := m.kernel.find(rootModules)
	if len(modules) == 0 {
		return nil
	}
	b, err := buildInitrd(m.self, modules)
	if err != nil {
		return err
	}
	m.initrd = filepath.Join(m.work, "initrd")
	if err := os.WriteFile(m.initrd, b, 0o644); err != nil {
		return fmt.Errorf("cannot write the initial ram disk: %v", err)
	}
	return nil
}

func (m machine) planPath() string    { return filepath.Join(m.work, "plan.json") }
func (m machine) consolePath() string { return filepath.Join(m.work, "console") }
func (m machine) answerFile(name string) string {
	return filepath.Join(m.answer.source, answerDir, name)
}

// args is qemu's command line.
func (m machine) args() []string {
	args := []string{
		"-M", "q35", "-accel", accelArg(m.accel), "-cpu", cpuModel(m.accel),
		"-smp", strconv.Itoa(m.cpus), "-m", m.memory,
		"-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none",
		"-serial", "file:" + m.consolePath(),
		// virtiofs reads the guest's memory: it has to be shareable.
		"-object", "memory-backend-memfd,id=mem,share=on,size=" + m.memory, "-numa", "node,memdev=mem",
	}
	for _, s := range []share{m.root, m.answer} {
		args = append(args,
			"-chardev", "socket,id="+s.tag+",path="+s.socket,
			"-device", "vhost-user-fs-pci,queue-size=1024,chardev="+s.tag+",tag="+s.tag)
	}
	if m.initrd != "" {
		args = append(args, "-initrd", m.initrd)
	}
	return append(args, "-kernel", m.kernel.image, "-append", m.bootLine())
}

// bootLine is the kernel's command line. What follows "--" goes to process 1.
func (m machine) bootLine() string {
	words := []string{"console=ttyS0", "loglevel=4", "panic=-1", "oops=panic", "psi=1"}
	if m.accel == "tcg" && !m.mitigations {
		// What they guard against no emulated processor does, and page table isolation
		// empties the emulator's TLB at each system call.
		words = append(words, "mitigations=off")
	}
	if m.initrd != "" {
		words = append(words, "rdinit=/init", "--", earlyVerb, m.self, m.planPath())
	} else {
		words = append(words, "rootfstype=virtiofs", "root="+rootTag, "ro", "init="+m.self, "--", insideVerb, m.planPath())
	}
	return strings.Join(words, " ")
}

func accelArg(accel string) string {
	if accel == "tcg" {
		return "tcg,thread=multi"
	}
	return accel
}

// cpuModel: emulating everything qemu can ("max") crashed with two processors.
func cpuModel(accel string) string {
	if accel == "tcg" {
		return "Nehalem"
	}
	return "host"
}

// run starts qemu and passes the command's output on until there is a status.
func (m machine) run(ctx context.Context, log *os.File) (int, error) {
	cmd := exec.Command("qemu-system-x86_64", m.args()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return exitLane, fmt.Errorf("cannot start qemu: %v: install qemu-system-x86 (make deps)", err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	defer func() { _ = cmd.Process.Kill(); <-gone }()
	out := follower{path: m.answerFile(outputFile), to: os.Stdout}
	pulse := newPulse(m.answerFile(pulseFile), m.silence, time.Now())
	for {
		alive := true
		select {
		case <-gone:
			alive = false
		case <-ctx.Done():
			_ = out.copy()
			return exitLane, errors.New(m.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
		answer, answered := readAnswer(m.answerFile(statusFile))
		if err := out.copy(); err != nil { // after the status: nothing follows it
			return exitLane, err
		}
		switch {
		case answered:
			return answer.exit()
		case !alive:
			return exitLane, fmt.Errorf("%w without an answer\n%s", errDead, m.lastWords())
		case pulse.stopped(time.Now()):
			return exitLane, fmt.Errorf("%w: not heard of for %v\n--- threads\n%s%s", errDead, pulse.limit(), threads(os.Getpid()), m.lastWords())
		}
	}
}

// lastWords are the ends of the guest's console and of qemu's messages.
func (m machine) lastWords() string {
	console, _ := os.ReadFile(m.consolePath())
	log, _ := os.ReadFile(filepath.Join(m.work, "log"))
	return fmt.Sprintf("--- console\n%s\n--- qemu and virtiofsd\n%s\n---", tail(console, 3000), tail(log, 1000))
}
