package conf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/sys/unix"
)

// encoder is a value that can be written as TOML, so that decode reads it back.
type encoder interface {
	encode() string
}

func (t text) encode() string   { return quoted(string(t)) }
func (f toggle) encode() string { return strconv.FormatBool(bool(f)) }
func (w whole) encode() string  { return strconv.FormatInt(int64(w), 10) }
func (s span) encode() string   { return quoted(short(time.Duration(s))) }
func (o octal) encode() string  { return quoted(fmt.Sprintf("%#o", uint32(o))) }

func (z size) encode() string {
	switch {
	case z.percent > 0:
		return quoted(strconv.FormatFloat(z.percent, 'f', -1, 64) + "%")
	case z.bytes == Unlimited:
		return quoted("max")
	}
	for _, u := range []struct {
		name  string
		bytes Bytes
	}{{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if z.bytes > 0 && z.bytes%u.bytes == 0 {
			return quoted(fmt.Sprint(int64(z.bytes/u.bytes), u.name))
		}
	}
	return strconv.FormatInt(int64(z.bytes), 10)
}

func (c cpus) encode() string {
	if c == 0 {
		return quoted("max")
	}
	return strconv.FormatFloat(float64(c), 'f', -1, 64)
}

func (s share) encode() string {
	return quoted(strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%")
}

func (s signal) encode() string {
	if name := unix.SignalName(unix.Signal(s)); name != "" {
		return quoted(strings.TrimPrefix(name, "SIG"))
	}
	return strconv.Itoa(int(s))
}

func (a amount) encode() string {
	if a == unix.RLIM_INFINITY {
		return quoted("unlimited")
	}
	return strconv.FormatUint(uint64(a), 10)
}

func (r restart) encode() string {
	if r == restart(RestartUnexpected) {
		return quoted(string(r))
	}
	return string(r)
}

func (c codes) encode() string {
	words := make([]string, len(c))
	for i, n := range c {
		words[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func (t texts) encode() string {
	words := make([]string, len(t))
	for i, s := range t {
		words[i] = quoted(s)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func (p pairs) encode() string {
	if p.line != "" {
		return quoted(p.line)
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(p.table)) {
		words = append(words, toml.Key{key}.String()+" = "+quoted(p.table[key]))
	}
	if words == nil {
		return "{}"
	}
	return "{ " + strings.Join(words, ", ") + " }"
}

func (c command) encode() string {
	if c.argv != nil {
		return texts(c.argv).encode()
	}
	return quoted(c.line)
}

func (p pids) encode() string {
	if p == 0 {
		return quoted("max")
	}
	return strconv.FormatInt(int64(p), 10)
}

// quoted writes a string of TOML: without escapes where it can do so.
func quoted(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	switch {
	case plain && !strings.ContainsAny(s, `"\`):
		return `"` + s + `"`
	case plain && !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
