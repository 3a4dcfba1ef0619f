package conf

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// tomlWriter writes raw structs as TOML.
type tomlWriter struct {
	strings.Builder
	t *translator
}

func (w *tomlWriter) file() {
	t := w.t
	fmt.Fprintf(w, "# Imported from %s.\n# A line that begins with \"# proposal:\" does nothing until that word is removed.\n", t.main.path)
	supervisor := t.raw.Supervisor
	if supervisor.Environment != nil {
		if table, ok := asTable(supervisor.Environment.line, t.names); ok {
			supervisor.Environment = &pairs{table: table}
		}
	}
	w.table([]string{"supervisor"}, &supervisor, ptr(supervisorDefaults(t.env)), nil)
	for i := range t.raw.Supervisor.Servers {
		fmt.Fprintf(w, "\n[[supervisor.servers]]\n")
		w.keys(reflect.ValueOf(&t.raw.Supervisor.Servers[i]).Elem(), reflect.ValueOf(ptr(serverDefaults())).Elem(), serverTable)
	}
	w.table([]string{"host"}, &t.raw.Host, ptr(hostDefaults()), nil)
	written := map[string]bool{}
	for _, s := range t.doc.Sections {
		kind, name, _ := strings.Cut(s.Name, ":")
		name = strings.TrimSpace(name)
		switch kind {
		case "program", "fcgi-program", "eventlistener":
			if raw := t.raw.Programs[name]; raw != nil && !written[name] {
				written[name] = true
				w.program(name, raw)
			}
		case "group":
			if raw := t.raw.Groups[name]; raw != nil && !written["group:"+name] {
				written["group:"+name] = true
				w.table([]string{"groups", name}, raw, ptr(groupDefaults()), nil)
			}
		}
	}
}

// table writes one table with its header, when there is a key in it or a
// comment to make.
func (w *tomlWriter) table(path []string, raw, defaults any, proposals []string) {
	var body tomlWriter
	body.keys(reflect.ValueOf(raw).Elem(), reflect.ValueOf(defaults).Elem(), tableName(path))
	header := "[" + toml.Key(path).String() + "]"
	pos := place{w.t.main, path}.pos()
	switch {
	case body.Len() > 0 && (len(path) > 2 || pos.Line == 0):
		fmt.Fprintf(w, "\n%s\n", header)
	case body.Len() > 0 || len(path) == 2:
		fmt.Fprintf(w, "\n%s # %s\n", header, pos)
	case len(proposals) > 0:
		fmt.Fprintf(w, "\n# proposal: %s\n", header)
	}
	w.WriteString(body.String())
	for _, line := range proposals {
		fmt.Fprintf(w, "# proposal: %s\n", line)
	}
}

// keys writes what differs from the defaults, in the order of the reference.
func (w *tomlWriter) keys(raw, defaults reflect.Value, where string) {
	fields, same := tagged(raw), tagged(defaults)
	for _, doc := range Reference() {
		field, ok := fields[doc.Name]
		if doc.Where != where || !ok || field.Kind() != reflect.Pointer || field.IsNil() {
			continue
		}
		if reflect.DeepEqual(field.Interface(), same[doc.Name].Interface()) {
			continue
		}
		fmt.Fprintf(w, "%s = %s\n", doc.Name, field.Elem().Interface().(encoder).encode())
	}
}

func (w *tomlWriter) program(name string, raw *rawProgram) {
	defaults := programDefaults()
	switch {
	case raw.Preset != nil: // every key that is written goes before the preset's
		defaults = &rawProgram{}
	case raw.Listener != (rawListener{}): // a priority is its group's too
		defaults.Priority = nil
	}
	if raw.NumProcs == nil || *raw.NumProcs == 1 {
		defaults.ProcessName = ptr(text("%(program_name)s"))
	}
	written := *raw
	if raw.Environment != nil {
		if table, ok := asTable(raw.Environment.line, w.t.firstProcess(raw, w.t.names.with(values{"program_name": name, "group_name": name}))); ok {
			written.Environment = &pairs{table: table}
		}
	}
	p := w.t.propose(name, raw)
	path := []string{"programs", name}
	w.table(path, &written, defaults, p.program)
	for _, sub := range []struct {
		name          string
		raw, defaults any
		proposals     []string
	}{
		{"listener", &raw.Listener, &defaults.Listener, nil},
		{"fcgi", &raw.Fcgi, &defaults.Fcgi, nil},
		{"limits", &raw.Limits, &defaults.Limits, p.limits},
		{"total", &raw.Total, &defaults.Total, nil},
		{"recycle", &raw.Recycle, &defaults.Recycle, p.recycle},
	} {
		w.table([]string{"programs", name, sub.name}, sub.raw, sub.defaults, sub.proposals)
	}
}

// asTable takes a line of variables apart before it is expanded. That may be
// done where what is expanded cannot change where a word ends.
func asTable(line string, n names) (map[string]string, bool) {
	var held []string // the expansions, in the places of which stand words
	var b strings.Builder
	for rest := line; ; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		rest = rest[i+1:]
		e, size, ok := parseExpansion(rest)
		switch {
		case strings.HasPrefix(rest, "%"):
			e.text, size = "%%", 1
		case !ok:
			return nil, false
		default:
			value, f := n.value(e)
			if f != nil || strings.ContainsFunc(value, func(r rune) bool { return r > 0x7f || !wordByte(byte(r)) }) || value == "" {
				return nil, false
			}
		}
		fmt.Fprintf(&b, "%s%d_", holder, len(held))
		held = append(held, e.text)
		rest = rest[size:]
	}
	table, f := splitPairs(b.String())
	if f != nil || strings.Contains(line, holder) || strings.Contains(b.String(), "%") {
		return nil, false
	}
	back := make([]string, 0, 2*len(held))
	for i, text := range held {
		back = append(back, fmt.Sprintf("%s%d_", holder, i), text)
	}
	replacer := strings.NewReplacer(back...)
	for key, value := range table {
		if strings.Contains(key, holder) || key == "" || strings.Contains(key, "=") {
			return nil, false
		}
		table[key] = replacer.Replace(value)
	}
	return table, true
}

const holder = "_BULKHEAD_EXPANSION_"
