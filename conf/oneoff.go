package conf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Oneoff are the limits of one command that no config names.
type Oneoff struct {
	Limits      Limits
	OOMScoreAdj int
}

// LimitFlags are the options of a command line that stand for keys of a program's
// [limits], by option.
var LimitFlags = map[string]string{
	"memory-max": "memory_max", "memory-high": "memory_high", "swap-max": "memory_swap_max",
	"cpu-max": "cpu_max", "cpu-weight": "cpu_weight", "io-weight": "io_weight",
	"pids-max": "pids_max", "oom-score-adj": "oom_score_adj",
}

// ReadOneoff reads options by their name, in the grammar and by the rules of [limits]; what
// is not among them is unlimited, its OOM score 0. The error names each option that is wrong.
func ReadOneoff(given map[string]string, env Env) (Oneoff, []string, error) {
	table := map[string]any{}
	for flag, key := range LimitFlags {
		if text, ok := given[flag]; ok {
			table[key] = literal(text)
		}
	}
	r := newReport()
	f := &file{}
	at := place{f, []string{"programs", "command"}}
	raw := &rawProgram{}
	r.decode(at, map[string]any{"limits": table}, raw)
	written := *raw
	fill(raw, programDefaults())
	res := newResolver(r, f, env)
	src := &source{res: res, at: at, raw: raw, given: written}
	p := Program{Limits: src.cgroup("limits", &raw.Limits.rawCgroup), Total: src.cgroup("total", &raw.Total), Process: src.process()}
	v := &checker{res: res, src: src, p: p}
	v.limits()
	v.numbers()
	var warnings []string
	for _, w := range r.warningList() {
		warnings = append(warnings, asFlag(Problem(w)))
	}
	var wrong []error
	if all := (*Problems)(nil); errors.As(r.err(), &all) {
		for _, one := range all.List {
			wrong = append(wrong, errors.New(asFlag(one)))
		}
	}
	return Oneoff{p.Limits, p.Process.OOMScoreAdj}, warnings, errors.Join(wrong...)
}

// literal is the value that an option's text would be in TOML, without its quotes.
func literal(text string) any {
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		return n
	}
	return text
}

// asFlag words a problem with a key as one with the option that stands for it.
func asFlag(p Problem) string {
	text := p.Message
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	text = flagWords.Replace(text)
	for flag, key := range LimitFlags {
		if strings.HasSuffix(p.Key, ".limits."+key) {
			return "--" + flag + ": " + text
		}
	}
	return text
}

// flagWords turns keys in a message into options.
var flagWords = func() *strings.Replacer {
	pairs := []string{" in [limits]", ""}
	for flag, key := range LimitFlags {
		pairs = append(pairs, "limits."+key, "--"+flag, key, "--"+flag)
	}
	return strings.NewReplacer(pairs...)
}()

// ParseSize reads an amount of memory as a config's size, a percentage being of
// the host's memory.
func ParseSize(text string, env Env) (Bytes, error) {
	var z size
	if f := z.decode(literal(text)); f != nil {
		return 0, f
	}
	r := newReport()
	n := newResolver(r, &file{}, env).bytes(place{&file{}, []string{"size"}}, &z)
	if err := r.err(); err != nil {
		return 0, fmt.Errorf("cannot use %q: the host's memory is unknown", text)
	}
	return n, nil
}

// ParseDuration reads a time as a config's duration.
func ParseDuration(text string) (time.Duration, error) {
	d, f := parseSpan(text)
	if f != nil {
		return 0, f
	}
	return d, nil
}
