package conf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxNumprocs is more than any host runs and less than what exhausts it.
const maxNumprocs = 4096

// instances names and expands numprocs instances. It stops at the first that
// has a problem: the others have the same.
func (src *source) instances(numprocs int) []Instance {
	at := src.at.at("numprocs")
	start := int(*src.raw.NumProcsStart)
	if f := checkNumprocs(numprocs); f != nil {
		src.res.problem(at, f)
		numprocs = 1
	}
	list := make([]Instance, 0, numprocs)
	seen := map[string]bool{}
	for num := start; num < start+numprocs; num++ {
		before := len(src.res.problems)
		in := src.instance(num, numprocs)
		if seen[in.Name] {
			src.res.problem(src.at.at("process_name"), faultf(`write "%(program_name)s_%(process_num)02d"`,
				"cannot name two instances %q: with numprocs = %d the name must contain %%(process_num)", in.Name, numprocs))
		}
		seen[in.Name] = true
		list = append(list, in)
		if len(src.res.problems) > before {
			break
		}
	}
	return list
}

func checkNumprocs(n int) *fault {
	if n < 0 || n > maxNumprocs {
		return faultf(fmt.Sprintf("write a number from 0 to %d", maxNumprocs), "cannot run %d instances", n)
	}
	return nil
}

func (src *source) instance(num, numprocs int) Instance {
	res, raw := src.res, src.raw
	n := src.names.with(values{"process_num": num, "numprocs": numprocs})
	own := map[string]string{}
	if raw.Environment != nil {
		own = res.expandAll(src.at.at("environment"), *raw.Environment, n)
	}
	n = n.env(own)
	in := Instance{
		Name:           src.processName(n, numprocs),
		Group:          src.group.name,
		Num:            num,
		Argv:           src.argv(n),
		Line:           src.line(n),
		Environment:    src.merged(own),
		RedirectStderr: bool(*raw.RedirectStderr),
		Checks:         src.checks(n),
	}
	if raw.Directory != nil {
		in.Directory = res.path(src.at.at("directory"), *raw.Directory, n)
	}
	in.Stdout = src.target("stdout_logfile", raw.Stdout, raw.StdoutMaxBytes, raw.StdoutBackups, n)
	if in.RedirectStderr {
		in.Stderr = src.target("stderr_logfile", ptr(text("none")), raw.StderrMaxBytes, raw.StderrBackups, n)
	} else {
		in.Stderr = src.target("stderr_logfile", raw.Stderr, raw.StderrMaxBytes, raw.StderrBackups, n)
	}
	return in
}

func (src *source) processName(n names, numprocs int) string {
	at := src.at.at("process_name")
	pattern := text(processName(numprocs))
	if src.raw.ProcessName != nil {
		pattern = *src.raw.ProcessName
	}
	before := len(src.res.problems)
	name := src.res.expand(at, pattern, n)
	if f := checkName(name); f != nil && len(src.res.problems) == before && !src.res.bad[src.at.key()] {
		src.res.problem(at, f)
	}
	return name
}

// line is the command before it is split, for who shows it. Problems are argv's.
func (src *source) line(n names) string {
	if src.raw.Command == nil || src.raw.Command.line == "" {
		return ""
	}
	line, _ := n.expand(src.raw.Command.line)
	return line
}

// argv expands, then splits, as supervisord does: %(ENV_ARGS)s may be several
// words. The words of an array stay whole.
func (src *source) argv(n names) []string {
	return src.words(src.at.at("command"), src.raw.Command, n) // nil for none: validate says so
}

// words are a command's, nil for one that is not given.
func (src *source) words(at place, c *command, n names) []string {
	if c == nil {
		return nil
	}
	if c.argv != nil {
		words := make([]string, len(c.argv))
		for i, word := range c.argv {
			words[i] = src.res.expand(at, text(word), n)
		}
		return words
	}
	words, f := splitWords(src.res.expand(at, text(c.line), n))
	if f != nil {
		src.res.problem(at, f)
	}
	return words
}

// target resolves one log file and its rotation keys.
func (src *source) target(key string, file *text, maxBytes *size, backups *whole, n names) LogTarget {
	at := src.at.at(key)
	word := strings.ToLower(string(*file))
	switch {
	case word == "none" || word == "off" || word == "":
		return LogTarget{MaxBytes: src.res.bytes(src.at.at(key+"_maxbytes"), maxBytes), Backups: int(*backups)} // for who shows them
	case word == "-", word == "/dev/stdout" && key == "stdout_logfile", word == "/dev/stderr" && key == "stderr_logfile":
		return LogTarget{Path: "-"}
	case word == "syslog":
		src.res.problem(at, faultf(fmt.Sprintf("write %s_syslog = true", strings.TrimSuffix(key, "_logfile")), "cannot log to a file named syslog"))
		return LogTarget{}
	}
	t := LogTarget{
		Path:     Auto,
		MaxBytes: src.res.bytes(src.at.at(key+"_maxbytes"), maxBytes),
		Backups:  int(*backups),
	}
	if word != "auto" {
		t.Path = src.res.path(at, *file, n)
	}
	if t.MaxBytes == Unlimited || strings.HasPrefix(t.Path, "/dev/") {
		t.MaxBytes = 0 // a device cannot be rotated
	}
	if t.Path != "" {
		t.Path = filepath.Clean(t.Path)
	}
	return t
}

// WithNumprocs returns p with another number of instances: names and
// expansions are made anew. p itself, which must come from Read, is unchanged.
// Whether the budget allows it is the caller's to ask.
// The error is a *Problems where n or a name made with it is the cause.
func (p Program) WithNumprocs(n int) (Program, error) {
	if p.src == nil {
		return p, fmt.Errorf("cannot run %d instances of %q: it does not come from a config file", n, p.Name)
	}
	r := newReport()
	src := *p.src
	res := *src.res
	res.report, src.res = r, &res
	if f := checkNumprocs(n); f != nil {
		r.problem(src.at.at("numprocs"), f)
		return p, r.err()
	}
	p.src = &src
	scaled := src.multiply(p, n)
	if err := r.err(); err != nil {
		return p, err
	}
	return scaled, nil
}

// namedMost is how many instances more than it has are looked at for a name.
const namedMost = 128

// InstanceNamed returns the instance that bears the name, or would with another
// numprocs; false when none does.
func (p Program) InstanceNamed(name string) (Instance, bool) {
	find := func(all []Instance) (Instance, bool) {
		i := slices.IndexFunc(all, func(in Instance) bool { return in.Name == name })
		if i < 0 {
			return Instance{}, false
		}
		return all[i], true
	}
	if in, ok := find(p.Instances); ok {
		return in, true
	}
	for _, n := range []int{1, len(p.Instances) + namedMost} {
		if other, err := p.WithNumprocs(n); err == nil {
			if in, ok := find(other.Instances); ok {
				return in, true
			}
		}
	}
	return Instance{}, false
}
