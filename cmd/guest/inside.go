package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideVerb makes this program process 1 of the virtual machine.
const insideVerb = "inside"

// inside carries out the plan, leaves the answer and switches the machine
// off. It never returns: the kernel panics when process 1 does, which ends
// the machine without an answer.
func inside(planPath string) {
	p, err := readPlan(planPath)
	status := exitLane
	if err == nil {
		if err = p.setUp(); err == nil && p.Init != "" {
			err = p.becomeSystemd()
		} else if err == nil {
			status, err = p.runInLeaf()
		}
	}
	finish(status, err)
}

// finish leaves the answer and switches the machine off. It never returns.
func finish(status int, err error) {
	a := answer{Status: status}
	if err != nil {
		a.Error = err.Error()
	}
	unix.Sync()
	if err := a.write(filepath.Join(resultsDir, answerDir, statusFile)); err != nil {
		fmt.Printf("guest: cannot leave the answer %+v: %v\n", a, err) // on the console
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// setUp makes the machine what the command expects.
func (p plan) setUp() error {
	for _, m := range p.Mounts {
		if err := m.make(); err != nil {
			return err
		}
	}
	for _, path := range p.Expose {
		if err := expose(path); err != nil {
			return err
		}
	}
	// devtmpfs brings device nodes only.
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return fmt.Errorf("cannot set up /dev: %v", err)
		}
	}
	// systemd's hard limit; the kernel's own is 4096.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 524288}); err != nil {
		return fmt.Errorf("cannot set the limit of open files: %v", err)
	}
	if err := unix.Sethostname([]byte("guest")); err != nil {
		return fmt.Errorf("cannot set the host name: %v", err)
	}
	if err := linkUp("lo"); err != nil {
		return err
	}
	for _, m := range p.Modules {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	if p.Swap != "" {
		return swapOn(p.Swap)
	}
	return nil
}

func (m mount) make() error {
	if m.Mkdir {
		if err := os.MkdirAll(m.Target, 0o755); err != nil {
			return fmt.Errorf("cannot create %q: %v", m.Target, err)
		}
	}
	if err := unix.Mount(m.Source, m.Target, m.Type, m.Flags, m.Options); err != nil {
		return fmt.Errorf("cannot mount %q on %q: %v", m.Source, m.Target, err)
	}
	return nil
}

// expose makes one path of the shared root visible again above the tmpfs.
func expose(path string) error {
	from := hostRoot + path
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("cannot expose %q: %v", path, err)
	}
	if info.IsDir() {
		err = os.MkdirAll(path, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
		err = os.WriteFile(path, nil, 0o644)
	}
	if err == nil {
		err = unix.Mount(from, path, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("cannot expose %q: %v", path, err)
	}
	return nil
}

// linkUp brings a network interface up, as `ip link set lo up` does.
func linkUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot bring up %s: %v", name, err)
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("cannot bring up %s: %v", name, err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("cannot bring up %s: %v", name, err)
	}
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot load module: %v", err)
	}
	defer func() { _ = f.Close() }()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), "", flags); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot load module %q: %v", path, err)
	}
	return nil
}

// swapOn makes swap of a compressed memory device.
func swapOn(size string) error {
	if err := os.WriteFile("/sys/block/zram0/disksize", []byte(size), 0); err != nil {
		return fmt.Errorf("cannot size the swap device: %v", err)
	}
	for _, args := range [][]string{{"/sbin/mkswap", "/dev/zram0"}, {"/sbin/swapon", "/dev/zram0"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("cannot make swap: %s: %v: %s", args[0], err, out)
		}
	}
	return nil
}

// runInLeaf runs the command in a leaf of the cgroup tree.
func (p plan) runInLeaf() (int, error) {
	leaf, err := prepare(cgroupMount)
	if err != nil {
		return exitLane, err
	}
	group, err := os.OpenFile(leaf, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return exitLane, fmt.Errorf("cannot open the command's cgroup: %v", err)
	}
	defer func() { _ = group.Close() }()
	return p.runCommand(&syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(group.Fd())})
}

// runCommand runs the command and waits for it, burying every orphan
// meanwhile, as process 1 must.
func (p plan) runCommand(attr *syscall.SysProcAttr) (int, error) {
	out, err := os.OpenFile(filepath.Join(resultsDir, answerDir, outputFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return exitLane, fmt.Errorf("cannot create the output: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return exitLane, fmt.Errorf("cannot open standard input: %v", err)
	}
	// LookPath and the command see the same PATH.
	if err := os.Setenv("PATH", strings.TrimPrefix(guestEnv[0], "PATH=")); err != nil {
		return exitLane, err
	}
	if err := os.Chdir(p.Dir); err != nil {
		return exitLane, fmt.Errorf("cannot enter the working directory: %v", err)
	}
	path, err := exec.LookPath(p.Command[0])
	if err != nil {
		return exitNotFound, fmt.Errorf("cannot find %q: %v", p.Command[0], err)
	}
	go beat(filepath.Join(resultsDir, answerDir, pulseFile))
	child, err := os.StartProcess(path, p.Command, &os.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []*os.File{null, out, out},
		Sys: attr,
	})
	if err != nil {
		return exitCannotRun, fmt.Errorf("cannot run %q: %v", path, err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return exitLane, fmt.Errorf("cannot wait for %q: %v", path, err)
		case pid == child.Pid:
			return exitOf(status), nil
		}
	}
}

// beat shows that the machine is alive.
func beat(path string) {
	for n := 1; ; n++ {
		_ = os.WriteFile(path, []byte(strconv.Itoa(n)), 0o644)
		time.Sleep(heartbeat)
	}
}
