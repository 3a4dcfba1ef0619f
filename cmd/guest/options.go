package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// options is the command line, checked.
type options struct {
	lane    lane
	command []string
	dir     string   // the command's working directory, absolute
	env     []string // K=V, added to the command's environment
	timeout time.Duration
	out     string // kept results, absolute; "" for a throw-away directory
	keep    bool
	which   bool // only say which lane it would be

	// of the virtual machine only
	systemd     string // path of systemd, where that is to be process 1; "" for ourselves
	memory      string // as qemu spells it, 2G
	cpus        int
	silence     time.Duration // after which it is dead
	kernel      string        // leading numbers of the version, 6.12
	accel       string
	mitigations bool   // of an emulated processor's weaknesses
	swap        string // size of a compressed swap device, "" for none
	cache       string
}

var errHelp = flag.ErrHelp

type envFlag []string

func (e *envFlag) String() string { return strings.Join(*e, " ") }

// Set takes K=V, or K alone for the caller's own value.
func (e *envFlag) Set(s string) error {
	name, _, given := strings.Cut(s, "=")
	if name == "" {
		return errors.New("want NAME=VALUE or NAME")
	}
	if !given {
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil
		}
		s = name + "=" + value
	}
	*e = append(*e, s)
	return nil
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var (
		o             options
		env           envFlag
		direct, guest bool
		init          string
	)
	f := flag.NewFlagSet("guest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: guest [flags] -- COMMAND [ARGUMENT...]")
		f.PrintDefaults()
	}
	f.BoolVar(&direct, "direct", false, "run on this machine or fail")
	f.BoolVar(&guest, "guest", false, "run in a virtual machine even where this machine would do")
	f.DurationVar(&o.timeout, "timeout", 20*time.Minute, "time limit for everything")
	f.Var(&env, "env", "`NAME=VALUE` for the command (NAME alone: the caller's value); repeatable")
	f.StringVar(&o.dir, "cd", ".", "working `directory` of the command")
	f.StringVar(&o.out, "out", "", "`directory` the command finds as BULKHEAD_RESULTS; kept")
	f.BoolVar(&o.keep, "keep", false, "keep the working files (console, plan, sockets) and say where")
	f.BoolVar(&o.which, "which", false, "print the lane, direct or guest, and run nothing")
	f.StringVar(&init, "init", "", "`systemd`: boot that, in a virtual machine, with the command as a service")
	f.StringVar(&o.memory, "memory", "2G", "memory of the virtual machine")
	f.IntVar(&o.cpus, "cpus", 2, "processors of the virtual machine")
	f.DurationVar(&o.silence, "silence", 3*time.Minute, "how long the virtual machine may give no sign of life, one every 10 s, until it is taken for dead")
	f.StringVar(&o.kernel, "kernel", "", "kernel `version` of the virtual machine, 6.1 or 6.12 (default: the newest there is)")
	f.StringVar(&o.accel, "accel", "tcg", "qemu's `accelerator`: tcg, or kvm where it works")
	f.BoolVar(&o.mitigations, "mitigations", false, "leave the kernel's mitigations on where the processor is emulated, which is slow")
	f.StringVar(&o.swap, "swap", "", "`size` of a compressed swap device (zram) in the virtual machine, as 512M")
	f.StringVar(&o.cache, "cache", "", "`directory` for kernels (default: .cache/guest of the module)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.command, o.env = f.Args(), env
	switch {
	case len(o.command) == 0 && !o.which:
		return o, errors.New("no command: guest [flags] -- COMMAND [ARGUMENT...]")
	case direct && guest:
		return o, errors.New("-direct and -guest exclude each other")
	case init != "" && init != "systemd":
		return o, fmt.Errorf("cannot use -init %s: want systemd", init)
	case init != "" && direct:
		return o, errors.New("-direct and -init exclude each other")
	case o.cpus < 1:
		return o, fmt.Errorf("cannot use -cpus %d: want 1 or more", o.cpus)
	case o.timeout <= 0:
		return o, fmt.Errorf("cannot use -timeout %v: want more than 0", o.timeout)
	case o.silence <= heartbeat:
		return o, fmt.Errorf("cannot use -silence %v: want more than %v", o.silence, heartbeat)
	case direct:
		o.lane = laneDirect
	case guest:
		o.lane = laneGuest
	}
	if init != "" {
		var err error
		if o.systemd, err = findSystemd(); err != nil {
			return o, err
		}
	}
	return o, o.absolute()
}

// absolute resolves every path of the options against the caller's directory.
func (o *options) absolute() error {
	if o.cache == "" {
		o.cache = filepath.Join(moduleRoot(), ".cache", "guest")
	}
	paths := []*string{&o.dir, &o.cache}
	if o.out != "" {
		paths = append(paths, &o.out)
	}
	if len(o.command) > 0 && strings.Contains(o.command[0], "/") {
		paths = append(paths, &o.command[0])
	}
	for _, p := range paths {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("cannot resolve %q: %v", *p, err)
		}
		*p = abs
	}
	return nil
}

// moduleRoot is the nearest folder upwards with a go.mod, or the current one.
func moduleRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}
