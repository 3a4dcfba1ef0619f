package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"bulkhead/cmd/bulkhead/doctor"
)

// doctorSpan is how long the host is watched unless told otherwise.
const doctorSpan = 10 * time.Second

// doctorMost keeps a slip of the unit from watching for a year.
const doctorMost = 24 * time.Hour

func (a *app) doctor() *cobra.Command {
	var span, since time.Duration
	var past string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [--for 10s | --history [FILE|DIR] [--since 24h]] [--json]",
		Short: "Say what on this host is going to run out of memory, and what to change",
		Long: `Read the host as it is, for a while, and say what is going to run out of memory, and what to change: memory and
growth by program, whom the OOM killer would take, and findings with their numbers. No supervisor is needed, and nothing
is changed. An ordinary user does not see all: Pss and some configuration files need root.

With --history what bulkhead serve has written down is judged instead, a line a minute: when memory was short and who had
it, what grows by the hour, OOM kills, and when the host or the supervisor was down. Its end is the last line.

Exit code 1 when something serious was found, 0 when not.`,
		Args: func(c *cobra.Command, args []string) error {
			if past == ownHistory && len(args) == 1 {
				return nil // "--history PATH", since "--history" alone means something
			}
			return noUnknown(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if past != "" {
				if len(args) == 1 {
					past = args[0]
				}
				if c.Flags().Changed("for") {
					return usagef("--for watches the host as it is, and --history reads what was: give one of them")
				}
				if since < 0 {
					return usagef("cannot judge the last %s: --since is more than 0s, or 0s for all", since)
				}
				return a.diagnosePast(past, since, asJSON)
			}
			if c.Flags().Changed("since") {
				return usagef("--since is of a history: give --history too")
			}
			if span < 0 || span > doctorMost {
				return usagef("cannot watch for %s: --for is between 0s, one reading, and %s", span, doctorMost)
			}
			if f, ok := a.err.(*os.File); ok && span > time.Second && isTerminal(f) {
				a.note("taking readings for %s", span)
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.diagnose(ctx, doctor.Reader{Root: "/", Self: os.Getpid()}, span, asJSON)
		},
	}
	cmd.Flags().DurationVar(&span, "for", doctorSpan, "watch the host for `TIME`; longer tells slower growth from noise")
	cmd.Flags().StringVar(&past, "history", "", "judge the history in a file `PATH`, or of a state directory; that of this host's configuration where none is given")
	cmd.Flags().Lookup("history").NoOptDefVal = ownHistory
	cmd.Flags().DurationVar(&since, "since", historySince, "judge the last `TIME` of the history; 0 for all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (a *app) diagnose(ctx context.Context, r doctor.Reader, span time.Duration, asJSON bool) error {
	all, err := r.Watch(ctx, span)
	if err != nil {
		return err
	}
	report := doctor.Diagnose(all)
	if asJSON {
		err = a.json(report.Document())
	} else {
		err = report.Print(a.out)
	}
	if err == nil && report.Serious() {
		return exitCode(exitGeneric)
	}
	return err
}
