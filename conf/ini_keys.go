package conf

import (
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"bulkhead/conf/ini"
)

// ownPrefix begins keys of INI that supervisord has not and TOML has:
// bulkhead.limits.memory_max = 256M.
const ownPrefix = "bulkhead."

// plainTexts are keys in which nothing is expanded later.
var plainTexts = []string{"preset", "job_format", "job_pattern", "stdin", "cgroup", "orphans", "overcommit", "profile", "log_level", "log_style"}

// field decodes a value as supervisord writes it. Text is expanded later, with
// the names of each process.
func (t *translator) field(at place, v *ini.Value, field reflect.Value, n names) {
	fresh := reflect.New(field.Type().Elem())
	s, f := t.text(v), (*fault)(nil)
	if !expandedLater(fresh) {
		s, f = n.expand(s)
	}
	if f == nil {
		f = fresh.Interface().(iniLeaf).decodeINI(s)
	}
	if f != nil {
		t.problem(at, f)
		return
	}
	if s != t.text(v) {
		t.found(Altered, at, "what is expanded in it is written as it is now: %s", s)
	}
	field.Set(fresh)
}

func expandedLater(v reflect.Value) bool {
	switch v.Interface().(type) {
	case *text, *pairs, *command:
		return true
	}
	return false
}

// ownKeys decodes the section's keys with our prefix into what target finds.
func (t *translator) ownKeys(s *ini.Section, target func(path []string) (place, reflect.Value), n names) {
	for _, v := range s.Values() {
		key, ok := strings.CutPrefix(v.Key, ownPrefix)
		if !ok {
			continue
		}
		path := strings.Split(key, ".")
		base, into := target(path)
		if base.path[len(base.path)-1] == "host" {
			path = path[1:]
		}
		t.own(base, into, path, s, v, n)
	}
}

// own finds the field at path below a table and decodes a TOML value, or a bare
// string, into it.
func (t *translator) own(table place, into reflect.Value, path []string, s *ini.Section, v *ini.Value, n names) {
	at := t.mark(append(slices.Clip(table.path), path...), s, v)
	for i, key := range path {
		field, ok := tagged(into)[key]
		if !ok || i < len(path)-1 && field.Kind() != reflect.Struct {
			t.problem(at, unknownKey(append(slices.Clip(table.path), path[:i]...), key))
			return
		}
		into = field
	}
	if into.Kind() != reflect.Pointer {
		t.problem(at, faultf("write "+v.Key+".KEY = VALUE", "%s is a table", v.Key))
		return
	}
	fresh := reflect.New(into.Type().Elem())
	text, f := literalPercents(t.text(v)), (*fault)(nil)
	if !expandedLater(fresh) || slices.Contains(plainTexts, path[len(path)-1]) {
		text, f = n.expand(text)
	}
	if f == nil {
		f = decodeBare(fresh.Interface().(leaf), text)
	}
	if f != nil {
		t.problem(at, f)
		return
	}
	into.Set(fresh)
}

// literalPercents doubles each percent sign that begins neither an expansion nor
// a doubled one: our own keys are full of percentages.
func literalPercents(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] != '%' {
			continue
		}
		switch {
		case strings.HasPrefix(s[i+1:], "%"):
			i++
			b.WriteByte('%')
		case !strings.HasPrefix(s[i+1:], "("):
			b.WriteByte('%')
		}
	}
	return b.String()
}

// decodeBare decodes TOML, or what is no TOML, or not the right one, as a string.
func decodeBare(l leaf, s string) *fault {
	table := map[string]any{}
	if _, err := toml.Decode("x = "+s, &table); err == nil && len(table) == 1 {
		f := l.decode(table["x"])
		if _, isString := table["x"].(string); f == nil || isString {
			return f
		}
		if l.decode(s) != nil {
			return f
		}
		return nil
	}
	return l.decode(s)
}

// unknown says that a key means nothing; what [DEFAULT] gives every section
// need not.
func (t *translator) unknown(path []string, s *ini.Section, v *ini.Value) {
	if s.Own(v.Key) {
		t.warn(t.mark(path, s, v), faultf("remove it", "unknown key %q", v.Key))
	}
}

// others warns of sections that mean nothing here.
func (t *translator) others() {
	for _, s := range t.doc.Sections {
		kind, name, _ := strings.Cut(s.Name, ":")
		at := t.markSection([]string{"section", s.Name}, s)
		switch {
		case kind == "rpcinterface":
			factory := s.Get("supervisor.rpcinterface_factory")
			if factory == nil {
				t.problem(at, faultf("write supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface", "section [%s] does not specify a supervisor.rpcinterface_factory", s.Name))
			} else if name != "supervisor" {
				t.warn(at, faultf("remove it", "cannot load %q: there is no Python here, so the %s methods are not there", factory.Text, name))
			}
		case slices.Contains([]string{"supervisord", "supervisorctl", "include"}, s.Name),
			slices.Contains([]string{"program", "fcgi-program", "eventlistener", "group"}, kind) && name != "",
			strings.HasPrefix(s.Name, "unix_http_server"), strings.HasPrefix(s.Name, "inet_http_server"), kind == "ctlplugin":
		default:
			t.warn(at, faultf("remove it", "unknown section [%s]", s.Name))
		}
	}
}
