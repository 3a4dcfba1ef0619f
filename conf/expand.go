package conf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// names are what expansions may use: text, or a number (an int).
type names map[string]any

// with returns a copy with more names.
func (n names) with(more names) names {
	all := maps.Clone(n)
	maps.Copy(all, more)
	return all
}

// env returns a copy with ENV_KEY for each variable.
func (n names) env(environ map[string]string) names {
	all := maps.Clone(n)
	for key, value := range environ {
		all["ENV_"+key] = value
	}
	return all
}

// maxWidth is the widest field an expansion may ask for.
const maxWidth = 255

// expand replaces supervisord's expansions, which are Python's: %(name)s,
// %(name)d with the flags "-", "0" and a width, and %% for a percent sign.
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
	text  string // as written
	name  string
	left  bool
	zero  bool
	width int
	verb  byte
}

// parseExpansion reads "(name)02d" and says how long it is.
func parseExpansion(s string) (e expansion, size int, ok bool) {
	end := strings.IndexByte(s, ')')
	if !strings.HasPrefix(s, "(") || end < 0 {
		return e, 0, false
	}
	e.name = s[1:end]
	i := end + 1
	for ; i < len(s) && (s[i] == '0' || s[i] == '-'); i++ {
		e.zero = e.zero || s[i] == '0'
		e.left = e.left || s[i] == '-'
	}
	digits := i
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	if digits < i {
		width, err := strconv.Atoi(s[digits:i])
		if err != nil || width > maxWidth {
			return e, 0, false
		}
		e.width = width
	}
	if i == len(s) || s[i] != 's' && s[i] != 'd' {
		return e, 0, false
	}
	e.verb, e.text = s[i], "%"+s[:i+1]
	return e, i + 1, true
}

func (n names) value(e expansion) (string, *fault) {
	value, ok := n[e.name]
	if !ok {
		return "", faultf(n.hint(e.name), "cannot expand %q: there is no name %q here", e.text, e.name)
	}
	number, isNumber := value.(int)
	switch {
	case e.verb == 'd' && !isNumber:
		return "", faultf(fmt.Sprintf("write %%(%s)s", e.name), "cannot expand %q: %s is not a number", e.text, e.name)
	case e.left:
		return fmt.Sprintf("%-*v", e.width, value), nil
	case e.zero && e.verb == 'd': // Python pads with zeros for d only
		return fmt.Sprintf("%0*d", e.width, number), nil
	}
	return fmt.Sprintf("%*v", e.width, value), nil
}

// hint lists the names there are. The variables of the environment are too
// many for a line; the nearest one is what was meant.
func (n names) hint(wanted string) string {
	var plain, env []string
	for name := range n {
		if strings.HasPrefix(name, "ENV_") {
			env = append(env, name)
		} else {
			plain = append(plain, name)
		}
	}
	slices.Sort(plain)
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
