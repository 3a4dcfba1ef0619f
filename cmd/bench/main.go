package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const (
	exitWrong       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var known []string
	for _, p := range everyone() {
		known = append(known, p.name())
	}
	o, err := parse(args, known, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err = perform(ctx, o)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	return exitWrong
}

// perform runs everything and leaves nothing behind.
func perform(ctx context.Context, o options) (err error) {
	host, err := machine()
	if err != nil {
		return fmt.Errorf("cannot say what the machine is: %v", err)
	}
	if err := allowFiles(slices.Max(o.ns)); err != nil {
		return err
	}
	t, err := newTools(o.bulkhead)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove()) }()
	b := &bench{options: o, book: book{}, tools: t, progress: os.Stderr, began: time.Now()}
	b.look()
	ended := b.run(ctx)
	text := b.result(host)
	fmt.Print(text) // also what an interrupted run has seen
	if ended != nil {
		return ended
	}
	if len(b.failures) > 0 {
		return fmt.Errorf("%d failures, see above; nothing was written", len(b.failures))
	}
	if o.out == "" {
		return nil
	}
	return publish(o.out, text)
}
