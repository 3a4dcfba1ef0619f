package conf

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"bulkhead/conf/ini"
)

// iniSupervisor are the keys of [supervisord] by what they are called in TOML.
var iniSupervisor = map[string]string{
	"logfile": "log_file", "logfile_maxbytes": "log_file_maxbytes", "logfile_backups": "log_file_backups", "loglevel": "log_level",
	"pidfile": "pidfile", "umask": "umask", "directory": "directory", "silent": "silent", "minfds": "minfds", "minprocs": "minprocs",
	"nocleanup": "nocleanup", "childlogdir": "childlogdir", "user": "user", "strip_ansi": "strip_ansi", "environment": "environment",
	"identifier": "identifier",
}

// iniSupervisorDefaults are supervisord's where they differ from TOML's.
func (t *translator) iniSupervisorDefaults() rawSupervisor {
	cwd := escape(t.env.Cwd)
	return rawSupervisor{
		LogFile:  ptr(text(cwd + "/supervisord.log")),
		LogStyle: ptr(text("supervisord")),
		PidFile:  ptr(text(cwd + "/supervisord.pid")),
		Umask:    ptr(octal(0o22)),
		MinFDs:   ptr(whole(1024)),
		MinProcs: ptr(whole(200)),
	}
}

func (t *translator) supervisord(section *ini.Section, given Overrides) {
	raw := &t.raw.Supervisor
	t.markSection([]string{"supervisor"}, section)
	t.markSection([]string{"host"}, section)
	fields := tagged(reflect.ValueOf(raw).Elem())
	for _, v := range given.over(section.Values()) {
		switch key, known := iniSupervisor[v.Key]; {
		case strings.HasPrefix(v.Key, ownPrefix):
		case v.Key == "nodaemon":
			var on *toggle
			t.field(t.mark([]string{"supervisor", "nodaemon"}, section, v), v, reflect.ValueOf(&on).Elem(), t.names)
			t.foreground = on != nil && bool(*on)
		case v.Key == "loglevel":
			t.logLevel(t.mark([]string{"supervisor", key}, section, v), v)
		case known:
			t.field(t.mark([]string{"supervisor", key}, section, v), v, fields[key], t.names)
		default:
			t.unknown([]string{"supervisor", v.Key}, section, v)
		}
	}
	for key, field := range map[string]**text{"log_file": &raw.LogFile, "pidfile": &raw.PidFile, "directory": &raw.Directory, "childlogdir": &raw.ChildLogDir} {
		if *field != nil && !(key == "log_file" && **field == "syslog") {
			*field = ptr(text(t.path(place{t.main, []string{"supervisor", key}}, string(**field), t.names)))
		}
	}
	if raw.Environment != nil {
		raw.Environment.line = twice(raw.Environment.line)
		if line, f := t.names.expand(raw.Environment.line); f == nil {
			all, _ := splitPairs(line)
			t.names = t.names.env(all)
		}
	}
	fill(raw, ptr(t.iniSupervisorDefaults()))
	t.ownKeys(section, func(path []string) (place, reflect.Value) {
		if path[0] == "host" {
			return place{t.main, []string{"host"}}, reflect.ValueOf(&t.raw.Host).Elem()
		}
		return place{t.main, []string{"supervisor"}}, reflect.ValueOf(raw).Elem()
	}, t.names)
}

// supervisord's levels that we have not are the nearest that we have.
var iniLevels = map[string]string{
	"critical": "error", "crit": "error", "error": "error", "erro": "error", "warn": "warn", "info": "info",
	"debug": "debug", "debg": "debug", "trace": "debug", "trac": "debug", "blather": "debug", "blat": "debug",
}

func (t *translator) logLevel(at place, v *ini.Value) {
	word, f := t.names.expand(t.text(v))
	level, ok := iniLevels[strings.ToLower(word)]
	if f == nil && !ok {
		f = faultf("write critical, error, warn, info, debug, trace or blather", "bad logging level name '%s'", word)
	}
	if f != nil {
		t.problem(at, f)
		return
	}
	if level != strings.ToLower(word) {
		t.found(Altered, at, "the level %s is %s here", word, level)
	}
	t.raw.Supervisor.LogLevel = ptr(text(level))
}

// servers makes the first unix_http_server the supervisor's own socket, and
// further places of all others.
func (t *translator) servers() {
	raw := &t.raw.Supervisor
	raw.ServerURL = ptr(text(""))
	var inet string
	first := true
	for _, kind := range []string{"unix_http_server", "inet_http_server"} {
		for _, s := range t.doc.Sections {
			if !strings.HasPrefix(s.Name, kind) {
				continue
			}
			if kind == "unix_http_server" && first {
				first = false
				t.ownSocket(s)
				continue
			}
			path := []string{"supervisor", "servers", strconv.Itoa(len(raw.Servers))}
			raw.Servers = append(raw.Servers, t.server(path, s, kind))
			if kind == "inet_http_server" && inet == "" {
				inet = t.url(s)
			}
		}
	}
	if !first {
		raw.ServerURL = ptr(text(Auto))
	} else if inet != "" {
		raw.ServerURL = ptr(text(inet))
	}
}

// serverKeys are the keys of a server section by what they are called in TOML.
var iniServerKeys = map[string]map[string]string{
	"unix_http_server": {"file": "address", "chmod": "mode", "chown": "owner", "username": "username", "password": "password"},
	"inet_http_server": {"port": "address", "username": "username", "password": "password"},
}

func (t *translator) server(path []string, s *ini.Section, kind string) rawServer {
	at := t.markSection(path, s)
	var raw rawServer
	fields := tagged(reflect.ValueOf(&raw).Elem())
	for _, v := range s.Values() {
		key, known := iniServerKeys[kind][v.Key]
		if !known {
			t.unknown(append(slices.Clip(path), v.Key), s, v)
			continue
		}
		t.field(t.mark(append(slices.Clip(path), key), s, v), v, fields[key], t.names)
	}
	switch {
	case raw.Address == nil && kind == "inet_http_server":
		t.problem(at, faultf("write port = 127.0.0.1:9001", "section [%s] has no port value", s.Name))
		raw.Address = ptr(text("127.0.0.1:1"))
	case raw.Address == nil:
		t.problem(at, faultf("write file = /run/supervisor.sock", "section [%s] has no file value", s.Name))
		raw.Address = ptr(text("unix:///"))
	case kind == "unix_http_server":
		raw.Owner = t.owner(at.at("owner"), raw.Owner, t.names)
		raw.Address = ptr(text("unix://" + t.path(at.at("address"), string(*raw.Address), t.names)))
	}
	return raw
}

// ownSocket makes a server section the supervisor's own socket.
func (t *translator) ownSocket(s *ini.Section) {
	path := []string{"supervisor", "socket"}
	server := t.server(path, s, "unix_http_server")
	for key, name := range map[string]string{"address": "socket", "mode": "socket_mode", "owner": "socket_owner", "username": "username", "password": "password"} {
		if m, ok := t.main.marks[joinPath(append(slices.Clip(path), key))]; ok {
			t.main.marks[joinPath([]string{"supervisor", name})] = m
		}
	}
	raw := &t.raw.Supervisor
	raw.Socket = ptr(text(strings.TrimPrefix(string(*server.Address), "unix://")))
	raw.SocketMode, raw.SocketOwner, raw.Username, raw.Password = server.Mode, server.Owner, server.Username, server.Password
}

// url is what programs find in SUPERVISOR_SERVER_URL when there is TCP only.
func (t *translator) url(s *ini.Section) string {
	v := s.Get("port")
	if v == nil {
		return ""
	}
	address, f := t.names.expand(t.text(v))
	if f != nil {
		return ""
	}
	host, port, f := inetAddress(address)
	if f != nil {
		return ""
	}
	if host == "" {
		host = "localhost"
	}
	return escape("http://" + host + ":" + strconv.Itoa(port))
}
