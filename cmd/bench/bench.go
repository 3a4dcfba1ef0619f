package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// bench is a run of everything that was asked for.
type bench struct {
	options
	book
	tools    tools
	progress io.Writer
	began    time.Time
	peers    []peer
	versions []string
	missing  []string // peers that cannot be run, and why
	failures []string // what was wrong: bytes, counts, states
	loads    [2]string
	done     int // rounds
}

func (b *bench) note(metric string, s *session, value float64) {
	b.add(metric, s.peer.name(), s.n, value)
}

// look asks which peers there are.
func (b *bench) look() {
	for _, p := range everyone() {
		if !slices.Contains(b.options.peers, p.name()) {
			continue
		}
		version, err := p.version(b.tools)
		if err != nil {
			b.missing = append(b.missing, fmt.Sprintf("%s: %v", p.name(), err))
			continue
		}
		b.peers = append(b.peers, p)
		b.versions = append(b.versions, p.name()+" "+version)
	}
}

// run does all rounds. An error ends it; a failure of a peer does not.
func (b *bench) run(ctx context.Context) error {
	b.loads[0] = load()
	defer func() { b.loads[1] = load() }()
	for round := range b.rounds {
		for _, n := range b.options.ns {
			for _, p := range turned(b.peers, round) {
				b.say("round %d of %d: %s, %d instances", round+1, b.rounds, p.name(), n)
				if err := b.attempt(ctx, p, n, b.session); err != nil {
					return err
				}
			}
		}
		for _, w := range logWorks {
			if !slices.Contains(b.works, w.name) {
				continue
			}
			for _, p := range turned(b.peers, round) {
				b.say("round %d of %d: %s, %s", round+1, b.rounds, p.name(), w.name)
				err := b.attempt(ctx, p, w.n, func(ctx context.Context, p peer, n int) error { return b.noisy(ctx, p, n, w.name) })
				if err != nil {
					return err
				}
			}
		}
		b.done++
	}
	return nil
}

// attempt notes what went wrong, unless the bench is interrupted.
func (b *bench) attempt(ctx context.Context, p peer, n int, do func(context.Context, peer, int) error) error {
	err := do(ctx, p, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		failure := fmt.Sprintf("%s with %d: %v", p.name(), n, err)
		b.say("WRONG: %s", failure)
		b.failures = append(b.failures, failure)
	}
	return nil
}

// turned begins with another one in every round: nobody is always first.
func turned[T any](all []T, round int) []T {
	k := round % max(len(all), 1)
	return append(slices.Clone(all[k:]), all[:k]...)
}

// session does all works that want n instances that are still.
func (b *bench) session(ctx context.Context, p peer, n int) (err error) {
	var todo []work
	for _, w := range works {
		if most, _ := p.limit(w.name); slices.Contains(b.works, w.name) && w.at(n) && n <= most {
			todo = append(todo, w)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	s, err := b.tools.open(ctx, p, n, 0)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.close(); err == nil {
			err = e
		}
	}()
	for _, w := range todo {
		if err := w.do(ctx, s, b); err != nil {
			return fmt.Errorf("%s: %w%s", w.name, err, s.lastWords())
		}
	}
	return nil
}

// noisy is a session of n that print.
func (b *bench) noisy(ctx context.Context, p peer, n int, name string) (err error) {
	if p.output(&session{}, 0) == "" {
		return nil
	}
	s, err := b.tools.open(ctx, p, n, b.mega*1_000_000/int64(n))
	if err != nil {
		return err
	}
	defer func() {
		if e := s.close(); err == nil {
			err = e
		}
	}()
	if err := logs(ctx, s, b, name); err != nil {
		return fmt.Errorf("%s: %w%s", name, err, s.lastWords())
	}
	return nil
}

// result is what a run has to say, in Markdown.
func (b *bench) result(machine string) string {
	var out strings.Builder
	beside := ""
	if b.beside != "" {
		beside = " " + strings.TrimSuffix(b.beside, ".") + "."
	}
	rest := ""
	if slices.Contains(b.works, "idle") {
		rest = fmt.Sprintf("; idle for %v each", b.idle)
	}
	fmt.Fprintf(&out, "## Results\n\n%s. Load average at the beginning %s, at the end %s.%s %d of %d rounds of all, interleaved%s; %s.\n",
		machine, b.loads[0], b.loads[1], beside, b.done, b.rounds, rest, time.Now().UTC().Format("January 2006"))
	fmt.Fprintf(&out, "Versions: %s.\n\n", strings.Join(b.versions, ", "))
	out.WriteString("Medians; in parentheses how many times bulkhead's. A dash: not run, see the limits below the tables.\n\n")
	if t := targetTable(targets(b.book)); t != "" {
		out.WriteString(t + "\n")
	}
	var names []string
	for _, p := range b.peers {
		names = append(names, p.name())
	}
	for _, m := range metrics {
		if t := table(b.book, m, names); t != "" {
			out.WriteString(t + "\n")
		}
	}
	out.WriteString(list("### Limits of this comparison", b.limits()))
	out.WriteString(list("### Not run", b.missing))
	out.WriteString(list("### Wrong", b.failures))
	return strings.TrimSpace(out.String()) + "\n"
}

// limits are the most instances that peers are run with, and why.
func (b *bench) limits() []string {
	var all []string
	for _, p := range b.peers {
		most, why := p.limit("")
		if most < unlimited && why != "" {
			all = append(all, fmt.Sprintf("%s: at most %s instances: %s.", p.name(), thousands(most), why))
		}
		if n, why := p.limit("crowd"); n < most {
			all = append(all, fmt.Sprintf("%s: 100 clients at most at %s: %s.", p.name(), thousands(n), why))
		}
	}
	return all
}

func list(title string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return title + "\n\n- " + strings.Join(items, "\n- ") + "\n\n"
}
