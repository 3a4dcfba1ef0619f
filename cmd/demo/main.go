package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// errInterrupted ends the show early: everything is stopped and cleared.
var errInterrupted = errors.New("interrupted")

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(runWorker(os.Args[2:]))
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	binary := flags.String("bulkhead", "", "the bulkhead `FILE` to show; default $BULKHEAD_BIN, else bulkhead beside this program")
	patience := flags.Duration("patience", 40*time.Second, "how long what is to be seen may take")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	// SIGPIPE: whoever read our output has gone, and that must not end us untidily.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	err := play(ctx, *binary, *patience)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	}
	fmt.Fprintf(os.Stderr, "demo: %v\n", err)
	return exitFailed
}

// findBulkhead returns the program to show, absolute.
func findBulkhead(given string) (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program: %v", err)
	}
	if given == "" {
		given = os.Getenv("BULKHEAD_BIN")
	}
	if given == "" {
		given = filepath.Join(filepath.Dir(own), "bulkhead")
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", fmt.Errorf("cannot find %q: %v", given, err)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("cannot find a bulkhead to run at %q: build it with make build, or name it with -bulkhead", path)
	}
	return path, nil
}
