package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// virtiofsdPaths are where Debian has put it (12, and 13 on).
var virtiofsdPaths = []string{"/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"}

// share is one folder of this machine, served to the virtual machine by a
// virtiofsd of its own.
type share struct {
	tag    string // the guest mounts it by this name
	source string
	socket string
}

// args is virtiofsd's command line. The root is read-only to the guest and
// holds still meanwhile: cached for good, which halves the time a PHP program
// takes to start. The results are read here while the guest writes.
func (s share) args() []string {
	mode := "cache=always"
	if s.tag != rootTag {
		mode = "cache=none"
	}
	return []string{
		"--socket-path=" + s.socket,
		"-o", "source=" + s.source,
		"-o", "sandbox=chroot", // namespaces may be out of reach in a container
		"-o", mode,
		"-o", "log_level=err",
		"--thread-pool-size=4",
	}
}

// serve starts the virtiofsd. It ends by itself when qemu disconnects, and
// with stop at the latest.
func (s share) serve(log *os.File) (stop func(), err error) {
	path, err := virtiofsd()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, s.args()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot share %q: %v", s.source, err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	return func() {
		// virtiofsd forks a helper; the group is its alone.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-gone
	}, nil
}

// listening waits until the socket is there.
func (s share) listening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if info, err := os.Stat(s.socket); err == nil && info.Mode()&os.ModeSocket != 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot share %q: virtiofsd made no socket", s.source)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func virtiofsd() (string, error) {
	for _, p := range virtiofsdPaths {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	if p, err := exec.LookPath("virtiofsd"); err == nil {
		return p, nil
	}
	return "", fmt.Errorf("cannot find virtiofsd in %q: install qemu-system-x86 (make deps)", virtiofsdPaths)
}

// socketPath keeps below the kernel's limit for unix sockets.
func socketPath(work, tag string) (string, error) {
	p := filepath.Join(work, tag+".sock")
	if len(p) >= len(new(syscall.RawSockaddrUnix).Path) {
		return "", fmt.Errorf("cannot make a socket at %q: the path is too long, set TMPDIR to a shorter one", p)
	}
	return p, nil
}
