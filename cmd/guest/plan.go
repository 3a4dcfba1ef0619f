package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// plan is everything the guest's process 1 must know. It reads it from the
// shared root before it mounts anything.
type plan struct {
	Command []string
	Env     []string
	Dir     string
	Mounts  []mount
	Expose  []string // paths of this machine to keep visible below a covered one
	Modules []string // kernel modules to load, dependencies first
	Swap    string   // size of the zram device, "" for none
	Init    string   // path of systemd, to become process 1; "" for ourselves
}

type mount struct {
	Source, Target, Type, Options string
	Flags                         uintptr
	Mkdir                         bool // make the target first; the root is read-only
}

// Paths of the guest.
const (
	hostRoot   = "/run/host"    // the shared root, without what covers parts of it
	resultsDir = "/run/results" // the results share
)

// covered are the places that get an empty tmpfs, as programs write there.
var covered = []string{"/run", "/tmp", "/var/tmp", "/var/log"}

// swapModules are zram and what it may need, dependencies first.
var swapModules = []string{
	"mm/zsmalloc.ko", "lib/lz4/lz4_compress.ko", "lib/lz4/lz4hc_compress.ko",
	"crypto/lz4.ko", "crypto/lz4hc.ko", "crypto/lzo.ko", "crypto/lzo-rle.ko", "drivers/block/zram/zram.ko",
}

// guestEnv is the command's whole environment but for what -env adds.
var guestEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/tmp", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TERM=dumb",
}

func newPlan(opts options, k kernel, m machine) plan {
	env := slices.Concat(guestEnv, commandEnv(laneGuest, cgroupMount, resultsDir))
	if opts.systemd != "" {
		env = slices.Concat(guestEnv, commandEnv(laneGuest, "", resultsDir), []string{"BULKHEAD_KERNEL_INIT=systemd"})
	}
	if ci := os.Getenv("CI"); ci != "" {
		env = append(env, "CI="+ci)
	}
	p := plan{
		Command: opts.command,
		Env:     append(env, opts.env...),
		Dir:     opts.dir,
		Mounts:  guestMounts(),
		Swap:    opts.swap,
		Init:    opts.systemd,
	}
	if opts.swap != "" {
		p.Modules = k.find(swapModules)
	}
	named := slices.Concat([]string{m.self, opts.dir, moduleRoot()}, opts.command)
	p.Expose = exposed(named, func(path string) bool { _, err := os.Stat(path); return err == nil })
	return p
}

// guestMounts are made in this order.
func guestMounts() []mount {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	mounts := []mount{
		{Source: "proc", Target: "/proc", Type: "proc", Flags: quiet},
		{Source: "sysfs", Target: "/sys", Type: "sysfs", Flags: quiet},
		{Source: "devtmpfs", Target: "/dev", Type: "devtmpfs", Flags: unix.MS_NOSUID, Options: "mode=0755"},
		{Source: "devpts", Target: "/dev/pts", Type: "devpts", Flags: unix.MS_NOSUID | unix.MS_NOEXEC, Options: "gid=5,mode=620,ptmxmode=666", Mkdir: true},
		{Source: "tmpfs", Target: "/dev/shm", Type: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_NODEV, Options: "mode=1777", Mkdir: true},
		// As systemd mounts it.
		{Source: "cgroup2", Target: cgroupMount, Type: "cgroup2", Flags: quiet, Options: "nsdelegate,memory_recursiveprot"},
	}
	for _, dir := range covered {
		options := "mode=1777"
		if dir == "/run" || dir == "/var/log" {
			options = "mode=0755"
		}
		mounts = append(mounts, mount{Source: "tmpfs", Target: dir, Type: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_NODEV, Options: options})
		if dir == "/run" { // the first: the others are reached through it
			mounts = append(mounts,
				mount{Source: "/", Target: hostRoot, Flags: unix.MS_BIND, Mkdir: true},
				mount{Source: answerTag, Target: resultsDir, Type: "virtiofs", Mkdir: true})
		}
	}
	return mounts
}

// exposed picks the existing absolute paths that a tmpfs would hide, without
// those inside another one. A covered place itself cannot be kept.
func exposed(paths []string, exists func(string) bool) []string {
	var hidden []string
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			continue
		}
		p = filepath.Clean(p)
		below := slices.ContainsFunc(covered, func(c string) bool { return strings.HasPrefix(p, c+"/") })
		if below && exists(p) {
			hidden = append(hidden, p)
		}
	}
	slices.Sort(hidden)
	hidden = slices.Compact(hidden)
	return slices.DeleteFunc(slices.Clone(hidden), func(p string) bool {
		return slices.ContainsFunc(hidden, func(other string) bool { return strings.HasPrefix(p, other+"/") })
	})
}

func (p plan) write(path string) error {
	b, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return fmt.Errorf("cannot write the plan: %v", err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("cannot write the plan: %v", err)
	}
	return nil
}

func readPlan(path string) (plan, error) {
	var p plan
	b, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("cannot read the plan: %v", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("cannot read the plan %q: %v", path, err)
	}
	return p, nil
}
