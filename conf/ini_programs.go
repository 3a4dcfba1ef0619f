package conf

import (
	"reflect"
	"slices"
	"strings"

	"bulkhead/conf/ini"
)

// iniProgram are the keys of every program section; TOML calls them the same.
var iniProgram = strings.Fields(`command process_name numprocs numprocs_start priority autostart autorestart startsecs
	startretries exitcodes stopsignal stopwaitsecs stopasgroup killasgroup user directory umask environment serverurl redirect_stderr
	stdout_logfile stdout_logfile_maxbytes stdout_logfile_backups stdout_capture_maxbytes stdout_events_enabled stdout_syslog
	stderr_logfile stderr_logfile_maxbytes stderr_logfile_backups stderr_capture_maxbytes stderr_events_enabled stderr_syslog`)

// iniTables are the keys that TOML has in a table of their own.
var iniTables = map[string]map[string][]string{
	"eventlistener": {"listener": {"buffer_size", "result_handler"}},
	"fcgi-program":  {"fcgi": {"socket", "socket_backlog", "socket_owner", "socket_mode"}},
}

// inLoop are the keys that supervisord reads once per process, with its names.
var inLoop = strings.Fields(`stdout_logfile_maxbytes stdout_logfile_backups stdout_syslog stderr_logfile_maxbytes stderr_logfile_backups stderr_syslog`)

// iniDefaults are supervisord's where they differ from TOML's.
func iniDefaults() *rawProgram {
	return &rawProgram{
		ProcessName:  ptr(text("%(program_name)s")),
		StartRetries: ptr(whole(3)),
		Stdout:       ptr(text(Auto)),
		Stderr:       ptr(text(Auto)),
		Stdin:        ptr(text("pipe")),
	}
}

// programs translates the program sections and the groups.
func (t *translator) programs() {
	t.raw.Programs, t.raw.Groups = map[string]*rawProgram{}, map[string]*rawGroup{}
	first := map[string]*ini.Section{}
	groups := t.iniGroups()
	for _, s := range t.doc.Sections {
		kind, name, ok := strings.Cut(s.Name, ":")
		name = strings.TrimSpace(name)
		if !ok || !slices.Contains([]string{"program", "fcgi-program", "eventlistener"}, kind) {
			continue
		}
		path := []string{"programs", name}
		if before := first[name]; before != nil {
			at := t.markSection([]string{"section", s.Name}, s)
			t.problem(at, faultf("rename one of them", "cannot use the name %q twice: it is defined at %s", name, Position{before.File, before.Line}))
			continue
		}
		first[name] = s
		t.markSection(path, s)
		group := name
		if len(groups[name]) > 0 {
			group = groups[name][0]
		}
		t.raw.Programs[name] = t.program(path, s, kind, name, group)
	}
}

// program translates one program section.
func (t *translator) program(path []string, s *ini.Section, kind, name, group string) *rawProgram {
	raw := &rawProgram{}
	base := t.names.with(values{"program_name": name, "group_name": group})
	fields := tagged(reflect.ValueOf(raw).Elem())
	late := []*ini.Value{}
	for _, v := range s.Values() {
		switch table, known := tableOf(kind, v.Key); {
		case strings.HasPrefix(v.Key, ownPrefix):
		case v.Key == "events" && kind == "eventlistener":
			t.events(t.mark(append(slices.Clip(path), "listener", "events"), s, v), v, raw, base)
		case known:
			t.field(t.mark(append(slices.Clip(path), table, v.Key), s, v), v, tagged(fields[table])[v.Key], base)
		case slices.Contains(inLoop, v.Key):
			late = append(late, v)
		case slices.Contains(iniProgram, v.Key):
			t.field(t.mark(append(slices.Clip(path), v.Key), s, v), v, fields[v.Key], base)
		default:
			t.unknown(append(slices.Clip(path), v.Key), s, v)
		}
	}
	first := t.firstProcess(raw, base)
	for _, v := range late {
		t.field(t.mark(append(slices.Clip(path), v.Key), s, v), v, fields[v.Key], first)
	}
	at := place{t.main, path}
	t.settle(at, s, raw, first)
	if kind == "eventlistener" && raw.Listener.Events == nil {
		t.problem(at, faultf("write events = PROCESS_STATE", `[%s] section requires an "events" line`, s.Name))
		raw.Listener = rawListener{}
	}
	if kind == "fcgi-program" && raw.Fcgi.Socket == nil {
		t.problem(at, faultf("write socket = unix:///run/"+name+".sock", `[%s] section requires a "socket" line`, s.Name))
		raw.Fcgi = rawFcgi{}
	}
	t.ownKeys(s, func([]string) (place, reflect.Value) { return at, reflect.ValueOf(raw).Elem() }, first)
	return raw
}

// tableOf is the table that TOML has a key in.
func tableOf(kind, key string) (string, bool) {
	for table, keys := range iniTables[kind] {
		if slices.Contains(keys, key) {
			return table, true
		}
	}
	return "", false
}

func (t *translator) events(at place, v *ini.Value, raw *rawProgram, n names) {
	list, f := n.expand(t.text(v))
	if f != nil {
		t.problem(at, f)
		return
	}
	raw.Listener.Events = &texts{}
	if list == "" {
		raw.Listener.Events = nil
		return
	}
	for event := range strings.SplitSeq(list, ",") {
		*raw.Listener.Events = append(*raw.Listener.Events, strings.ToUpper(strings.TrimSpace(event)))
	}
}

// firstProcess is the names that the program's first process may use.
func (t *translator) firstProcess(raw *rawProgram, base names) names {
	n := base.with(values{"process_num": 0, "numprocs": 1})
	if raw.NumProcsStart != nil {
		n.own["process_num"] = int(*raw.NumProcsStart)
	}
	if raw.NumProcs != nil {
		n.own["numprocs"] = int(*raw.NumProcs)
	}
	if raw.Environment != nil {
		if line, f := n.expand(raw.Environment.line); f == nil {
			own, _ := splitPairs(line)
			n = n.env(own)
		}
	}
	return n
}

// settle makes of the keys what supervisord makes of them, and fills its
// defaults.
func (t *translator) settle(at place, s *ini.Section, raw *rawProgram, n names) {
	t.logFile(at, "stdout", &raw.Stdout, &raw.StdoutSyslog, raw.StdoutMaxBytes, n)
	t.logFile(at, "stderr", &raw.Stderr, &raw.StderrSyslog, raw.StderrMaxBytes, n)
	if raw.RedirectStderr != nil && bool(*raw.RedirectStderr) && raw.Stderr != nil {
		if word := strings.ToLower(string(*raw.Stderr)); slices.Contains([]string{"auto", "none", "off"}, word) {
			raw.Stderr = nil // no file was meant
		}
	}
	redirected := raw.RedirectStderr != nil && bool(*raw.RedirectStderr) && raw.Stderr == nil
	raw.Fcgi.Owner = t.owner(at.at("fcgi", "socket_owner"), raw.Fcgi.Owner, n)
	if raw.Directory != nil {
		raw.Directory = ptr(text(t.path(at.at("directory"), string(*raw.Directory), n)))
	}
	if raw.StartRetries != nil {
		raw.StartRetries = ptr(max(*raw.StartRetries, 0))
	}
	if raw.NumProcs != nil {
		raw.NumProcs = ptr(max(*raw.NumProcs, 0))
	}
	if raw.Command == nil {
		t.problem(at.at("command"), faultf("write command = /path/to/program", "program section %s does not specify a command", s.Name))
	}
	if raw.Command != nil {
		t.command(at.at("command"), raw.Command, n)
	}
	fill(raw, iniDefaults())
	if redirected {
		raw.Stderr = nil
	}
	if raw.NumProcs != nil && *raw.NumProcs > 1 && !strings.Contains(string(*raw.ProcessName), "%(process_num)") {
		t.problem(at.at("process_name"), faultf("write process_name = %(program_name)s_%(process_num)02d", "%%(process_num) must be present within process_name when numprocs > 1"))
		raw.ProcessName = ptr(text("%(program_name)s_%(process_num)02d"))
	}
	if raw.StopAsGroup != nil && bool(*raw.StopAsGroup) && raw.KillAsGroup != nil && !bool(*raw.KillAsGroup) {
		t.problem(at.at("killasgroup"), faultf("leave killasgroup out", "Cannot set stopasgroup=true and killasgroup=false"))
	}
}

// command makes one word of a command that has none, or cannot be split: with
// supervisord that program fails to start, and all others run.
func (t *translator) command(at place, c *command, n names) {
	line, f := n.expand(c.line)
	if f != nil {
		return // said where it is expanded again
	}
	words, f := splitWords(line)
	switch {
	case f != nil:
		t.warn(at, f)
		c.argv = []string{c.line}
	case len(words) == 0 || words[0] == "":
		t.warn(at, faultf("write command = /path/to/program", "cannot run an empty command"))
		c.argv = []string{noCommand}
	}
}

// noCommand is what an empty command is said not to be found as.
const noCommand = "(empty)"

// logFile settles one log file: expanded twice, relative to where supervisord
// runs, or the old word for syslog.
func (t *translator) logFile(at place, stream string, file **text, syslog **toggle, maxBytes *size, n names) {
	key := stream + "_logfile"
	word := "auto"
	if *file != nil {
		once := twice(string(**file))
		expanded, _ := n.expand(once)
		switch word = strings.ToLower(expanded); word {
		case "auto", "none", "off":
			*file = ptr(text(word))
		case "syslog":
			t.warn(at.at(key), faultf("write "+stream+"_syslog = true", "%s=syslog but this is deprecated and will be removed", key))
			*file, *syslog = ptr(text("none")), ptr(toggle(true))
		default:
			*file = ptr(text(t.path(at.at(key), once, n)))
		}
	}
	if word == "auto" && maxBytes != nil && maxBytes.bytes == 0 {
		t.warn(at.at(key+"_maxbytes"), faultf("set maxbytes > 0 to avoid filling up the filesystem unintentionally", "AUTO logging used for %s without rollover", key))
	}
}

// iniGroups translates the groups and says which each program is in.
func (t *translator) iniGroups() map[string][]string {
	in := map[string][]string{}
	for _, s := range t.doc.Sections {
		name, ok := strings.CutPrefix(s.Name, "group:")
		if !ok {
			continue
		}
		name = strings.TrimSpace(name)
		path := []string{"groups", name}
		at := t.markSection(path, s)
		raw := &rawGroup{}
		for _, v := range s.Values() {
			switch v.Key {
			case "programs":
				raw.Programs = t.members(t.mark(append(slices.Clip(path), v.Key), s, v), v)
			case "priority":
				t.field(t.mark(append(slices.Clip(path), v.Key), s, v), v, reflect.ValueOf(&raw.Priority).Elem(), t.names)
			default:
				t.unknown(append(slices.Clip(path), v.Key), s, v)
			}
		}
		if raw.Programs == nil {
			t.warn(at, faultf("write programs = NAME,NAME, or remove it", "the group has no programs"))
			continue
		}
		for _, program := range *raw.Programs {
			in[program] = append(in[program], name)
		}
		t.raw.Groups[name] = raw
	}
	return in
}

// members is nil for a group without programs.
func (t *translator) members(at place, v *ini.Value) *texts {
	list, f := t.names.expand(t.text(v))
	if f != nil {
		t.problem(at, f)
	}
	if list == "" {
		return nil
	}
	all := &texts{}
	for name := range strings.SplitSeq(list, ",") {
		*all = append(*all, strings.TrimSpace(name))
	}
	return all
}
