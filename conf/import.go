package conf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Finding is one thing that Import has to say.
type Finding struct {
	Pos  Position
	Kind FindingKind
	Text string // what it is, and what to do
}

// FindingKind is what became of something written in INI.
type FindingKind string

const (
	Mapped   FindingKind = "mapped"   // it means the same in TOML
	Altered  FindingKind = "changed"  // it means something else, or is written otherwise
	Lost     FindingKind = "lost"     // it has no meaning here
	Proposed FindingKind = "proposal" // it could be said better: a comment in the TOML
)

// String is the finding on one line: FILE:LINE: KIND: TEXT.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Pos, f.Kind, f.Text) }

// Import reads a supervisord.conf with what it includes, as ReadINI does, and
// returns the same configuration as TOML, with what there is to say of it. The
// error is that of ReadINI: what supervisord would refuse is not imported.
func Import(path string, env Env) (string, []Finding, error) {
	if _, _, err := ReadINI(path, env, Overrides{}); err != nil {
		return "", nil, err
	}
	r := newReport()
	t := r.translate(path, env, Overrides{})
	if err := r.err(); err != nil {
		return "", nil, err
	}
	text := t.toml()
	return text, t.told(), nil
}

// toml writes what was translated.
func (t *translator) toml() string {
	w := &tomlWriter{t: t}
	w.file()
	return w.String()
}

// told is all findings, by place; a warning is of something that is lost.
func (t *translator) told() []Finding {
	t.mapped()
	for _, warning := range t.warningList() {
		text := warning.Key + ": " + warning.Message
		if warning.Hint != "" {
			text += "; " + warning.Hint
		}
		t.findings = append(t.findings, Finding{warning.Pos, Lost, text})
	}
	return sorted(t.findings, t.order, func(f Finding) Problem {
		return Problem{Pos: f.Pos, Key: string(f.Kind), Message: f.Text}
	})
}

// found notes what became of the key at a place.
func (t *translator) found(kind FindingKind, at place, format string, args ...any) {
	t.findings = append(t.findings, Finding{at.pos(), kind, at.key() + ": " + fmt.Sprintf(format, args...)})
}

// mapped says of each section which table it has become.
func (t *translator) mapped() {
	for _, s := range t.doc.Sections {
		kind, name, _ := strings.Cut(s.Name, ":")
		name = strings.TrimSpace(name)
		table := map[string]string{
			"supervisord": "[supervisor]", "program": "[programs." + name + "]", "group": "[groups." + name + "]",
			"eventlistener": "[programs." + name + ".listener]", "fcgi-program": "[programs." + name + ".fcgi]",
		}[kind]
		at := t.markSection([]string{"section", s.Name}, s)
		switch {
		case kind == "group" && t.raw.Groups[name] == nil, kind != "supervisord" && table != "" && name == "", kind == "supervisord" && name != "":
		case table != "":
			t.found(Mapped, at, "is %s", table)
		case strings.HasPrefix(s.Name, "unix_http_server"), strings.HasPrefix(s.Name, "inet_http_server"):
			t.found(Mapped, at, "is a socket in [supervisor] or [[supervisor.servers]]")
		case s.Name == "rpcinterface:supervisor":
			t.found(Mapped, at, "is always there")
		case s.Name == "include":
			t.found(Altered, at, "the included files are merged into one; split it again with include in [supervisor]")
		case s.Name == "supervisorctl":
			t.found(Lost, at, "bulkhead ctl needs no section: it asks the socket of the config file")
		case kind == "ctlplugin":
			t.found(Lost, at, "there is no Python here to run a plugin of supervisorctl; remove it")
		}
	}
	if !t.foreground {
		t.found(Altered, place{t.main, []string{"supervisor", "nodaemon"}}, "bulkhead serve stays in the foreground; start it as a service of systemd")
	}
	for name, raw := range t.raw.Programs {
		if raw.KillAsGroup != nil && !bool(*raw.KillAsGroup) {
			t.found(Altered, place{t.main, []string{"programs", name, "killasgroup"}}, "the kill after stopwaitsecs always reaches the whole cgroup")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.raw.Groups)) {
		for _, member := range *t.raw.Groups[name].Programs {
			if groups := t.groupsOf(member); len(groups) > 1 && groups[0] == name {
				t.found(Altered, place{t.main, []string{"programs", member}}, "it is in several groups: outside of the first it is the program %s@GROUP", member)
			}
		}
	}
}

func (t *translator) groupsOf(program string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(t.raw.Groups)) {
		if slices.Contains(*t.raw.Groups[name].Programs, program) {
			all = append(all, name)
		}
	}
	return all
}
