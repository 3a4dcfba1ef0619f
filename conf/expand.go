package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// names are what expansions may use: text, or a number (an int).
type names struct {
	own   values
	outer *names // where own has none; nil nowhere
}

// values are what names stand for: numbers and texts.
type values map[string]any

// with returns the names, and more of them that go first.
func (n names) with(more values) names { return names{more, &n} }

// env is with ENV_KEY for each variable.
func (n names) env(environ map[string]string) names {
	if len(environ) == 0 {
		return n
	}
	all := make(values, len(environ))
	for key, value := range environ {
		all["ENV_"+key] = value
	}
	return n.with(all)
}

func (n names) get(name string) (value any, ok bool) {
	for at := &n; at != nil && !ok; at = at.outer {
		value, ok = at.own[name]
	}
	return value, ok
}

// maxWidth is the widest field an expansion may ask for.
const maxWidth = 255

// expand replaces supervisord's expansions, which are Python's: %(name)s and
// %(name)d with flags, a width and a precision, and %% for a percent sign.
func (n names) expand(text string) (string, *fault) {
	var out strings.Builder
	rest := text
	for {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			out.WriteString(rest)
			return out.String(), nil
		}
		out.WriteString(rest[:i])
		rest = rest[i+1:]
		if strings.HasPrefix(rest, "%") {
			out.WriteByte('%')
			rest = rest[1:]
			continue
		}
		e, size, ok := parseExpansion(rest)
		if !ok {
			return "", faultf("write %% for a percent sign, or %(program_name)s for an expansion",
				"cannot expand %q: %q is no expansion", text, "%"+firstRunes(rest, 12))
		}
		value, err := n.value(e)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		rest = rest[size:]
	}
}

// expansion is one parsed %(name)02d.
type expansion struct {
	text      string // as written
	name      string
	flags     string // of Python's " #+-0"
	width     int
	precision int // -1: none
	verb      byte
}

func (e expansion) flag(c string) bool { return strings.Contains(e.flags, c) }

// parseExpansion reads "(name)02d" and says how long it is.
func parseExpansion(s string) (e expansion, size int, ok bool) {
	end := strings.IndexByte(s, ')')
	if !strings.HasPrefix(s, "(") || end < 0 {
		return e, 0, false
	}
	e.name, e.precision = s[1:end], -1
	rest := strings.TrimLeft(s[end+1:], " #+-0")
	e.flags = s[end+1 : len(s)-len(rest)]
	if e.width, rest, ok = leadingWidth(rest); !ok {
		return e, 0, false
	}
	if after, dot := strings.CutPrefix(rest, "."); dot {
		if e.precision, rest, ok = leadingWidth(after); !ok {
			return e, 0, false
		}
	}
	rest = strings.TrimLeft(rest, "hlL") // as in C, without a meaning
	if rest == "" || strings.IndexByte("sdiuxXo", rest[0]) < 0 {
		return e, 0, false
	}
	size = len(s) - len(rest) + 1
	e.verb, e.text = rest[0], "%"+s[:size]
	return e, size, true
}

// leadingWidth reads a number that may be missing.
func leadingWidth(s string) (n int, rest string, ok bool) {
	rest = strings.TrimLeft(s, "0123456789")
	digits := s[:len(s)-len(rest)]
	if digits == "" {
		return 0, rest, true
	}
	n, err := strconv.Atoi(digits)
	return n, rest, err == nil && n <= maxWidth
}

func (n names) value(e expansion) (string, *fault) {
	value, ok := n.get(e.name)
	if !ok {
		return "", faultf(n.hint(e.name), "cannot expand %q: there is no name %q here", e.text, e.name)
	}
	number, isNumber := value.(int)
	if e.verb == 's' {
		return e.pad(e.cut(fmt.Sprint(value)), false), nil
	}
	if !isNumber {
		return "", faultf(fmt.Sprintf("write %%(%s)s", e.name), "cannot expand %q: %s is not a number", e.text, e.name)
	}
	return e.number(number), nil
}

func (e expansion) cut(s string) string {
	if runes := []rune(s); e.precision >= 0 && e.precision < len(runes) {
		return string(runes[:e.precision])
	}
	return s
}

// number writes n as Python does: of the formats that Go shares, only the octal
// with a prefix has another letter.
func (e expansion) number(n int) string {
	verb := e.verb
	if verb == 'i' || verb == 'u' {
		verb = 'd'
	}
	format := "%"
	for _, c := range []string{"+", " ", "#"} {
		if e.flag(c) && !(c == "#" && (verb == 'd' || verb == 'o')) {
			format += c
		}
	}
	if verb == 'o' && e.flag("#") {
		verb = 'O'
	}
	if e.precision >= 0 {
		format += "." + strconv.Itoa(e.precision)
	}
	return e.pad(fmt.Sprintf(format+string(verb), n), e.flag("0") && !e.flag("-"))
}

// pad fills up to the width: on the right, on the left, or with zeros behind the
// sign and the prefix.
func (e expansion) pad(s string, zeros bool) string {
	missing := e.width - len([]rune(s))
	switch {
	case missing <= 0:
		return s
	case e.flag("-"):
		return s + strings.Repeat(" ", missing)
	case zeros:
		digits := strings.TrimLeft(s, "+- ")
		if e.flag("#") && len(digits) > 2 && strings.IndexByte("xXo", digits[1]) >= 0 {
			digits = digits[2:]
		}
		sign := s[:len(s)-len(digits)]
		return sign + strings.Repeat("0", missing) + s[len(sign):]
	}
	return strings.Repeat(" ", missing) + s
}

// hint lists the names there are. The variables of the environment are too
// many for a line; the nearest one is what was meant.
func (n names) hint(wanted string) string {
	var plain, env []string
	for at := &n; at != nil; at = at.outer {
		for name := range at.own {
			if strings.HasPrefix(name, "ENV_") {
				env = append(env, name)
			} else {
				plain = append(plain, name)
			}
		}
	}
	slices.Sort(plain)
	plain = slices.Compact(plain)
	list := "the names are " + strings.Join(plain, ", ") + " and ENV_X for each variable X of the environment"
	if !strings.HasPrefix(wanted, "ENV_") {
		env = nil
	}
	if near := nearest(wanted, append(plain, env...)); near != "" {
		return fmt.Sprintf("write %%(%s)s; %s", near, list)
	}
	return list
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}
