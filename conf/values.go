package conf

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leaf is a value of a key. decode takes what the TOML parser made of it:
// string, int64, float64, bool, time.Time, []any or map[string]any.
type leaf interface {
	decode(v any) *fault
}

type (
	text    string // expanded later
	toggle  bool
	whole   int64
	span    time.Duration
	cpus    float64
	share   float64
	signal  syscall.Signal
	octal   uint32
	amount  uint64 // of an rlimit
	restart AutoRestart
	codes   []int
	texts   []string
	command struct {
		line string   // to be split
		argv []string // or given as words
	}
)

func (t *text) decode(v any) *fault {
	s, ok := v.(string)
	if !ok {
		return mismatch(v, "a string", `write it in quotes: "…"`)
	}
	if err := checkText(s); err != nil {
		return err
	}
	*t = text(s)
	return nil
}

// checkText refuses what execve(2) and open(2) cannot take.
func checkText(s string) *fault {
	if strings.IndexByte(s, 0) >= 0 {
		return faultf("leave it out", "cannot use %q: it contains a NUL byte", s)
	}
	return nil
}

func (f *toggle) decode(v any) *fault {
	b, ok := v.(bool)
	if !ok {
		return mismatch(v, "true or false", "write true or false, without quotes")
	}
	*f = toggle(b)
	return nil
}

func (w *whole) decode(v any) *fault {
	n, ok := v.(int64)
	if !ok {
		return mismatch(v, "a whole number", "write a number without quotes")
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return faultf("write a smaller number", "cannot use %d: out of range", n)
	}
	*w = whole(n)
	return nil
}

func (z *size) decode(v any) (err *fault) {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return faultf(sizeHint+`, "max" for no limit`, "cannot use %d as a size: it is negative", v)
		}
		*z = size{bytes: Bytes(v)}
	case string:
		*z, err = parseSize(v)
	default:
		err = mismatch(v, "a size", sizeHint)
	}
	return err
}

func (s *span) decode(v any) (err *fault) {
	var d time.Duration
	switch v := v.(type) {
	case int64:
		d, err = secondsSpan(v)
	case string:
		d, err = parseSpan(v)
	default:
		err = mismatch(v, "a duration", spanHint)
	}
	*s = span(d)
	return err
}

func (c *cpus) decode(v any) (err *fault) {
	var n float64
	switch v := v.(type) {
	case int64:
		n, err = checkCPUs(float64(v))
	case float64:
		n, err = checkCPUs(v)
	case string:
		n, err = parseCPUs(v)
	default:
		err = mismatch(v, "CPU time", cpusHint)
	}
	*c = cpus(n)
	return err
}

func (s *share) decode(v any) *fault {
	t, ok := v.(string)
	if !ok {
		return mismatch(v, "a percentage", shareHint)
	}
	n, err := parseShare(t)
	*s = share(n)
	return err
}

func (s *signal) decode(v any) (err *fault) {
	var n syscall.Signal
	switch v := v.(type) {
	case int64:
		n, err = checkSignal(v)
	case string:
		n, err = parseSignal(v)
	default:
		err = mismatch(v, "a signal", signalHint)
	}
	*s = signal(n)
	return err
}

func (o *octal) decode(v any) *fault {
	s, ok := v.(string)
	if !ok {
		return mismatch(v, "file permissions", `write them in octal, as a string: "022"`)
	}
	n, err := parseOctal(s)
	*o = octal(n)
	return err
}

func (a *amount) decode(v any) *fault {
	const hint = `write a number, 64M, or "unlimited"`
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return faultf(hint, "cannot use %d as a resource limit: it is negative", v)
		}
		*a = amount(v)
	case string:
		z, err := parseSize(v)
		if err != nil || z.percent > 0 {
			return faultf(hint, "cannot use %q as a resource limit", v)
		}
		*a = amount(z.bytes)
		if z.bytes == Unlimited {
			*a = unix.RLIM_INFINITY
		}
	default:
		return mismatch(v, "a resource limit", hint)
	}
	return nil
}

func (r *restart) decode(v any) *fault {
	const hint = `write true, false or "unexpected"`
	switch v := v.(type) {
	case bool:
		*r = restart(strconv.FormatBool(v))
	case string:
		*r = restart(v)
		if !slices.Contains([]restart{"true", "false", "unexpected"}, *r) {
			return faultf(hint, "cannot use %q as autorestart", v)
		}
	default:
		return mismatch(v, "autorestart", hint)
	}
	return nil
}

func (c *codes) decode(v any) *fault {
	const hint = "write a list of exit codes: [0, 12]"
	list, ok := v.([]any)
	if !ok {
		return mismatch(v, "exit codes", hint)
	}
	*c = codes{}
	for _, item := range list {
		n, ok := item.(int64)
		if !ok {
			return mismatch(item, "an exit code", hint)
		}
		if n < 0 || n > 255 {
			return faultf(hint, "cannot use %d as an exit code: not between 0 and 255", n)
		}
		*c = append(*c, int(n))
	}
	return nil
}

func (t *texts) decode(v any) *fault {
	list, ok := v.([]any)
	if !ok {
		return mismatch(v, "a list of strings", `write ["…", "…"]`)
	}
	*t = texts{}
	for _, item := range list {
		var s text
		if err := s.decode(item); err != nil {
			return err
		}
		*t = append(*t, string(s))
	}
	return nil
}

func (c *command) decode(v any) *fault {
	if line, ok := v.(string); ok {
		c.line = line
		return checkText(line)
	}
	var list texts
	if err := list.decode(v); err != nil {
		return mismatch(v, "a command", `write "php artisan queue:work", or a list of strings`)
	}
	c.argv = list
	return nil
}

// mismatch says that v is of the wrong TOML type.
func mismatch(v any, wanted, hint string) *fault {
	switch v := v.(type) {
	case string:
		return faultf(hint, "cannot use the string %q as %s", v, wanted)
	case int64, float64, bool:
		return faultf(hint, "cannot use %v as %s", v, wanted)
	case time.Time:
		return faultf(hint, "cannot use a date as %s", wanted)
	case map[string]any:
		return faultf(hint, "cannot use a table as %s", wanted)
	}
	return faultf(hint, "cannot use an array as %s", wanted)
}

// pids is a number of processes and threads; 0 stands for "max".
type pids int64

func (p *pids) decode(v any) *fault {
	const hint = `write a number from 1, or "max"`
	switch v := v.(type) {
	case int64:
		if v < 1 {
			return faultf(hint, "cannot use %d as pids_max: the instance itself is one", v)
		}
		*p = pids(v)
	case string:
		if v != "max" && v != "unlimited" {
			return faultf(hint, "cannot use %q as pids_max", v)
		}
		*p = 0
	default:
		return mismatch(v, "pids_max", hint)
	}
	return nil
}
