// Guest runs a command where the kernel offers cgroup v2 with the memory
// controller: on this machine if it can, else in a small virtual machine that
// shares this machine's root file system.
//
//	go run ./cmd/guest [flags] -- COMMAND [ARGUMENT...]
//
// A package's kernel tests (files *_kernel_test.go with //go:build kernel),
// without and with a choice of tests:
//
//	CGO_ENABLED=0 go test -tags kernel -exec "go run bulkhead/cmd/guest --" ./cgroup -v -run TestKernel
//
//	CGO_ENABLED=0 go test -c -tags kernel -o .cache/kernel/cgroup.test ./cgroup
//	go run ./cmd/guest -cd cgroup -- .cache/kernel/cgroup.test -test.v -test.run TestKernel
//
// What the command finds, in both lanes:
//
//   - it runs as the caller (root in the virtual machine), in a leaf of the
//     cgroup tree, standard input from /dev/null, standard output and error
//     joined and passed on live;
//   - BULKHEAD_KERNEL_TESTS is "direct" or "guest";
//   - BULKHEAD_KERNEL_CGROUP is a directory whose children have the memory,
//     pids and cpu controllers (io where the kernel has it), empty of
//     processes, the command's to fill;
//   - BULKHEAD_RESULTS is a writable directory whose files are there
//     afterwards (-out);
//   - in the virtual machine: HOME=/tmp; every file of this machine, read-only;
//     empty writable /tmp, /run, /var/tmp and /var/log, with what the command
//     line names below them still visible; the loopback interface; no network;
//     PSI; every capability. Emulated: a tenth of native speed.
//
// With -init systemd the virtual machine's process 1 is this machine's systemd,
// and the command a plain service of it, guest.service, in whose cgroup nothing
// is prepared: BULKHEAD_KERNEL_CGROUP is not set, BULKHEAD_KERNEL_INIT is
// "systemd". No unit of this machine is started; the command's own go to
// /run/systemd/system.
//
// Build it for exact exit statuses: go run turns every failure into 1.
//
// Exit status: the command's own (128+n for signal n); 124 when the time limit
// ended it; 125 when the lane failed, after the virtual machine died or fell
// silent twice; 126 and 127 when the command cannot be run or found.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Exit statuses of our own, those of timeout(1) and env(1).
const (
	exitTimeLimit  = 124
	exitLane       = 125
	exitCannotRun  = 126
	exitNotFound   = 127
	exitInterrupt  = 130
	exitSignalBase = 128
)

func init() {
	// Children are started with Pdeathsig, which the kernel ties to the
	// thread that started them: the main goroutine keeps its thread.
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == insideVerb {
		inside(os.Args[2]) // process 1 of the virtual machine; never returns
	}
	if len(os.Args) == 3 && os.Args[1] == unitVerb {
		unit(os.Args[2]) // the same, where process 1 is systemd; never returns
	}
	if len(os.Args) == 4 && os.Args[1] == earlyVerb {
		early(os.Args[2], os.Args[3]) // the same, before that; never returns
	}
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, errHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "guest: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	status, err := run(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "guest: %v\n", err)
	}
	os.Exit(status)
}

// run picks the lane and runs the command in it.
func run(ctx context.Context, opts options) (int, error) {
	limited, cancel := context.WithTimeoutCause(ctx, opts.timeout, errTimeLimit)
	defer cancel()
	base, why := "", error(nil)
	if opts.systemd != "" { // never this machine's own
		opts.lane = laneGuest
	}
	if opts.lane != laneGuest {
		base, why = usableTree()
	}
	lane, err := chooseLane(opts.lane, why, runtime.GOARCH)
	if err != nil {
		return exitLane, err
	}
	if opts.which {
		fmt.Println(lane)
		return 0, nil
	}
	if lane == laneDirect {
		return runDirect(limited, opts, base)
	}
	return runGuest(limited, opts)
}

var errTimeLimit = errors.New("the time limit is over")

// ended turns the end of ctx into our exit status and its reason.
func ended(ctx context.Context, opts options) (int, error) {
	if errors.Is(context.Cause(ctx), errTimeLimit) {
		return exitTimeLimit, fmt.Errorf("cannot finish %q: it ran longer than %v", opts.command[0], opts.timeout)
	}
	return exitInterrupt, fmt.Errorf("cannot finish %q: interrupted", opts.command[0])
}
