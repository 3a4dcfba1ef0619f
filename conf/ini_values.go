package conf

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// iniLeaf is a value as supervisord writes it.
type iniLeaf interface {
	decodeINI(s string) *fault
}

func (t *text) decodeINI(s string) *fault {
	*t = text(s)
	return checkText(s)
}

func (p *pairs) decodeINI(s string) *fault {
	*p = pairs{table: map[string]string{}, line: s}
	return checkText(s)
}

func (c *command) decodeINI(s string) *fault {
	c.line = s
	return checkText(s)
}

var (
	trueWords  = []string{"yes", "true", "on", "1"}
	falseWords = []string{"no", "false", "off", "0"}
)

func (f *toggle) decodeINI(s string) *fault {
	word := strings.ToLower(s)
	*f = toggle(slices.Contains(trueWords, word))
	if !bool(*f) && !slices.Contains(falseWords, word) {
		return faultf("write true or false", "not a valid boolean value: '%s'", s)
	}
	return nil
}

func (r *restart) decodeINI(s string) *fault {
	word := strings.ToLower(s)
	switch {
	case slices.Contains(trueWords, word):
		*r = "true"
	case slices.Contains(falseWords, word):
		*r = "false"
	case word == "unexpected":
		*r = "unexpected"
	default:
		return faultf("write true, false or unexpected", "invalid 'autorestart' value '%s'", word)
	}
	return nil
}

var pythonInt = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*$`)

// integer is Python's int().
func integer(s string) (int64, *fault) {
	digits := strings.TrimSpace(s)
	if !pythonInt.MatchString(digits) {
		return 0, faultf("write a whole number", "invalid literal for int() with base 10: '%s'", s)
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), 10, 64)
	if err != nil {
		return 0, faultf("write a smaller number", "cannot use %s: out of range", s)
	}
	return n, nil
}

func (w *whole) decodeINI(s string) *fault {
	n, f := integer(s)
	if f == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		f = faultf("write a smaller number", "cannot use %s: out of range", s)
	}
	*w = whole(n)
	return f
}

// A negative wait is over at once.
func (d *span) decodeINI(s string) *fault {
	n, f := integer(s)
	*d = span(min(max(n, 0), math.MaxInt64/int64(time.Second)) * int64(time.Second))
	return f
}

func (c *codes) decodeINI(s string) *fault {
	*c = codes{}
	if s == "" {
		return nil
	}
	for word := range strings.SplitSeq(s, ",") {
		n, f := integer(word)
		if f != nil || n < 0 || n > 255 {
			return faultf("write numbers from 0 to 255: 0,2", "not a valid list of exit codes: '%s'", s)
		}
		*c = append(*c, int(n))
	}
	return nil
}

func (g *signal) decodeINI(s string) *fault {
	n, f := parseSignal(s)
	*g = signal(n)
	return f
}

func (o *octal) decodeINI(s string) *fault {
	n, f := parseOctal(s)
	if f != nil {
		return faultf("write it in octal: 022", "%s can not be converted to an octal type", s)
	}
	*o = octal(n)
	return nil
}

// size is a number of bytes, of KB, MB or GB; below zero it is nothing.
func (z *size) decodeINI(s string) *fault {
	digits, factor := strings.ToLower(s), int64(1)
	for suffix, bytes := range map[string]int64{"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, factor = rest, bytes
			break
		}
	}
	n, f := integer(digits)
	if f != nil {
		return faultf("write 50MB, 1GB or a number of bytes", "%s", f.message)
	}
	if n > math.MaxInt64/factor/2 {
		return faultf("write 0 for no limit", "cannot use %q as a size: too large", s)
	}
	*z = size{bytes: Bytes(max(n, 0) * factor)}
	return nil
}
