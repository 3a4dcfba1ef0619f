package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Problem is one thing that keeps a configuration from running.
type Problem struct {
	Pos     Position
	Key     string // programs.queue.limits.memory_max, "" for the file as a whole
	Message string // cannot use "12Q" as a size: unknown unit "Q"
	Hint    string // write 256M, 1G or 50%
}

// String is the problem on one line: FILE:LINE: KEY: MESSAGE; HINT.
func (p Problem) String() string {
	var b strings.Builder
	if p.Pos.File != "" {
		b.WriteString(p.Pos.String() + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// String is FILE:LINE, or FILE where the line is unknown.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Warning is one thing that runs, but hardly as it was meant.
type Warning Problem

// String is the warning on one line, in the shape of a Problem.
func (w Warning) String() string { return Problem(w).String() }

// Problems is the error of Read: everything that is wrong with all files, by
// file in reading order, then by line.
type Problems struct {
	List []Problem
}

// Error prints one problem per line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, one := range p.List {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// fault is an error about one value, before it is known where that stands.
type fault struct {
	message, hint string
}

func (f *fault) Error() string { return f.message + "; " + f.hint }

func faultf(hint, format string, args ...any) *fault {
	return &fault{message: fmt.Sprintf(format, args...), hint: hint}
}

// report collects what is found while reading.
type report struct {
	order    map[string]int // file name to reading order
	problems []Problem
	warnings []Warning
	bad      map[string]bool // keys that have a problem, to spare consequences
}

func newReport() *report {
	return &report{order: map[string]int{}, bad: map[string]bool{}}
}

func (r *report) problem(at place, f *fault) {
	r.bad[at.key()] = true
	r.problems = append(r.problems, Problem{Pos: at.pos(), Key: at.key(), Message: f.message, Hint: f.hint})
}

func (r *report) warn(at place, f *fault) {
	r.warnings = append(r.warnings, Warning{Pos: at.pos(), Key: at.key(), Message: f.message, Hint: f.hint})
}

func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return &Problems{List: sorted(r.problems, r.order, func(p Problem) Problem { return p })}
}

func (r *report) warningList() []Warning {
	return sorted(r.warnings, r.order, func(w Warning) Problem { return Problem(w) })
}

// sorted orders by file, line, key and text.
func sorted[T any](list []T, order map[string]int, as func(T) Problem) []T {
	slices.SortStableFunc(list, func(a, b T) int {
		p, q := as(a), as(b)
		return cmp.Or(
			cmp.Compare(order[p.Pos.File], order[q.Pos.File]),
			cmp.Compare(p.Pos.Line, q.Pos.Line),
			cmp.Compare(p.Key, q.Key),
			cmp.Compare(p.Message, q.Message),
		)
	})
	return list
}

// place is a key path in a file; it knows its line.
type place struct {
	file *file
	path []string
}

func (p place) at(keys ...string) place {
	return place{p.file, append(slices.Clip(p.path), keys...)}
}

func (p place) key() string {
	if p.file.marks == nil {
		return toml.Key(p.path).String()
	}
	m, rest := p.file.marked(p.path)
	return strings.TrimPrefix(strings.Join(append([]string{m.key}, rest...), "."), ".")
}

func (p place) pos() Position {
	if p.file.marks != nil {
		m, _ := p.file.marked(p.path)
		return m.pos
	}
	return Position{File: p.file.name, Line: p.file.lines.of(p.path)}
}
