package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

const (
	pulseEvery = 2 * time.Second
	encore     = 3 * time.Second // after the last thing to be seen: the neighbours go on
)

// show is one run of the demo.
type show struct {
	*paper
	place   place
	cast    []program
	traces  *traces
	server  *server
	story   *story
	verdict *verdict
	notes   []string
}

// play is the whole demo. nil means that everything was seen and nothing is left.
func play(ctx context.Context, binary string, patience time.Duration) (err error) {
	runtime.LockOSThread() // see server.start
	binary, err = findBulkhead(binary)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %v", err)
	}
	p, err := newPlace()
	if err != nil {
		return err
	}
	sh := &show{paper: newPaper(os.Stdout), place: p, cast: cast(exe, p), traces: &traces{place: p, seen: map[string]bool{}}, verdict: newVerdict()}
	missing, err := sh.acts(ctx, binary, patience)
	if errors.Is(err, errInterrupted) {
		sh.title("Interrupted: everything is being stopped")
	}
	return sh.clear(missing, err)
}

// acts are all of the show but the clearing up. missing counts what was to be
// seen and was not.
func (sh *show) acts(ctx context.Context, binary string, patience time.Duration) (missing int, err error) {
	if err := sh.place.write(sh.cast); err != nil {
		return 0, err
	}
	sh.server, sh.notes, err = launch(ctx, binary, sh.place)
	if err != nil {
		return 0, err
	}
	sh.programme()
	sh.story = &story{paper: sh.paper, place: sh.place, began: sh.server.started, kernel: sh.server.info.Enforced == "kernel", verdict: sh.verdict}
	if err := sh.watch(ctx, patience); err != nil {
		return 0, err
	}
	all := sh.status(ctx)
	sh.tables()
	findings := sh.verdict.findings(all)
	sh.story.ending = true
	if err := sh.server.stop(); err != nil {
		return 0, err
	}
	missing = sh.judge(append(findings, sh.verdict.jobsFinding(sh.place, sh.cast)))
	if missing > 0 {
		sh.evidence(all)
	}
	return missing, nil
}

// programme says what is about to be seen.
func (sh *show) programme() {
	sh.say(bold, 0, "bulkhead: workers that leak, each in its own compartment (about 20 seconds)")
	sh.verbatim("")
	sh.verbatim("  configuration: " + sh.place.config())
	for _, g := range sh.cast {
		sh.verbatim("")
		sh.verbatim(fmt.Sprintf("    [programs.%s]   # %s", g.name, g.about))
		for _, line := range g.shown {
			sh.verbatim("    " + line)
		}
	}
	sh.verbatim("")
	if sh.server.info.Enforced == "kernel" {
		sh.say(plain, 2, "Enforced by the kernel: each instance is a cgroup v2 with its own limits.")
	} else {
		sh.say(amber, 2, "Enforced by "+sh.server.info.Enforced+", not by the kernel: "+sh.server.info.Why+".")
	}
	for _, note := range sh.notes {
		sh.say(amber, 2, note)
	}
	sh.verbatim("")
}

// watch tells the story until everything has been seen, or patience is over.
func (sh *show) watch(ctx context.Context, patience time.Duration) error {
	follow, end := context.WithCancel(ctx)
	defer end()
	events, failed := sh.events(follow)
	pulse := time.NewTicker(pulseEvery)
	defer pulse.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	var curtain <-chan time.Time
	for {
		select {
		case e := <-events:
			if sh.story.event(e) {
				sh.run("ctl", "status")
				pulse.Reset(pulseEvery)
			}
			if curtain == nil && sh.verdict.complete() {
				curtain = time.After(encore)
			}
		case <-pulse.C:
			if all := sh.status(ctx); len(all) > 0 {
				sh.story.pulse(all)
			}
		case <-ctx.Done():
			return errInterrupted
		case <-sh.server.ended:
			return sh.server.broken(fmt.Sprintf("bulkhead serve ended by itself (%v)", sh.server.cmd.ProcessState))
		case err := <-failed:
			return fmt.Errorf("cannot follow the events: %v", err)
		case <-curtain:
			return nil
		case <-limit.C:
			return nil
		}
	}
}

// events follows the supervisor's events from the first one.
func (sh *show) events(ctx context.Context) (<-chan control.Event, <-chan error) {
	events, failed := make(chan control.Event), make(chan error, 1)
	go func() {
		err := sh.server.client.Events(ctx, 0, true, func(e control.Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil && ctx.Err() == nil {
			failed <- err
		}
	}()
	return events, failed
}

// status asks for the instances and remembers their cgroups, which must be
// gone at the end.
func (sh *show) status(ctx context.Context) []control.Status {
	all, _, err := sh.server.client.Status(ctx)
	if err != nil {
		return nil // a dead server is noticed by watch
	}
	for _, s := range all {
		if s.Cgroup != "" {
			sh.traces.seen[s.Cgroup] = true
		}
	}
	return all
}

// run shows a command of bulkhead and what it prints.
func (sh *show) run(args ...string) {
	sh.verbatim("")
	sh.say(bold, 0, "$ bulkhead "+strings.Join(args, " "))
	sh.verbatim(sh.server.ctl(args[1:]...))
	sh.verbatim("")
}

// tables are what a user would ask for afterwards.
func (sh *show) tables() {
	sh.title("That was it. What bulkhead says about it now:")
	sh.run("ctl", "status")
	sh.run("ctl", "why", "report", "import:*", "mail:*")
}

// judge prints the findings and counts those that did not hold.
func (sh *show) judge(all []finding) int {
	sh.say(bold, 0, "What was to be seen:")
	missing := 0
	for _, f := range all {
		word, i := "yes", green
		if !f.held {
			word, i, missing = "NO ", red, missing+1
		}
		text := f.what
		if f.how != "" {
			text += ": " + f.how
		}
		sh.item(i, 2, word+"  ", text)
	}
	return missing
}

// evidence is what a verdict of "NO" was made of, so that its cause can be found.
func (sh *show) evidence(all []control.Status) {
	sh.title("All events that were seen:")
	for _, e := range sh.verdict.seen {
		sh.verbatim(fmt.Sprintf("  %d %s %s run %d pid %d %s: %s",
			e.Serial, e.At.Format("15:04:05.000"), e.Name, e.Run, e.PID, e.Kind, e.Message))
	}
	sh.title("And how it stood at the end:")
	for _, s := range all {
		sh.verbatim(fmt.Sprintf("  %s %s run %d pid %d, %d restarts, %d recycles, %d OOM kills",
			s.FullName(), s.State, s.Run, s.PID, s.Restarts, s.Recycles, s.OOMKills))
	}
}

// clear stops what runs, removes what was made, and looks whether that was all.
func (sh *show) clear(missing int, err error) error {
	if sh.server != nil {
		if stopped := sh.server.stop(); stopped != nil && err == nil {
			err = stopped
		}
	}
	if removed := os.RemoveAll(sh.place.dir); removed != nil && err == nil {
		err = fmt.Errorf("cannot remove the temporary directory: %v", removed)
	}
	left := sh.traces.left()
	if len(left) > 0 {
		sh.traces.killProcesses()
		_ = os.RemoveAll(sh.place.dir) // again, now that nobody writes to it
		sh.item(red, 2, "NO   ", "nothing is left behind: "+strings.Join(left, ", "))
		if err == nil || errors.Is(err, errInterrupted) {
			return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
		}
		return err
	}
	sh.item(green, 2, "yes  ", "nothing is left behind: no process, no file, "+sh.cgroupsGone())
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d of the things that were to be seen did not happen", missing)
	}
	return err
}

func (sh *show) cgroupsGone() string {
	if n := len(sh.traces.seen); n > 0 {
		return fmt.Sprintf("no cgroup (%d were seen in use)", n)
	}
	return "no cgroup (none was used)"
}
