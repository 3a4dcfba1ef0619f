package conf

import (
	"reflect"
	"slices"
)

// diffSupervisor lists the keys of [supervisor] that differ.
func diffSupervisor(old, new *Config) []string {
	a, b := supervisorFacts(old), supervisorFacts(new)
	var keys []string
	for i := range a {
		if !reflect.DeepEqual(normal(a[i].value), normal(b[i].value)) {
			keys = append(keys, a[i].key)
		}
	}
	return slices.Compact(keys)
}

// setting is one value of [supervisor] by its key.
type setting struct {
	key   string
	value any
}

// supervisorFacts lists everything of [supervisor], by key. How the
// supervisor was called, in the foreground or not, is no key.
func supervisorFacts(c *Config) []setting {
	s := c.Supervisor
	return []setting{
		{"supervisor.cgroup", s.Cgroup},
		{"supervisor.childlogdir", s.ChildLogDir},
		{"supervisor.directory", s.Directory},
		{"supervisor.identifier", s.Identifier},
		{"supervisor.log_file", s.LogFile},
		{"supervisor.log_file", s.LogSyslog},
		{"supervisor.log_file_backups", s.LogFileBackups},
		{"supervisor.log_file_maxbytes", s.LogFileMaxBytes},
		{"supervisor.log_level", s.LogLevel},
		{"supervisor.log_style", s.LogStyle},
		{"supervisor.minfds", s.MinFDs},
		{"supervisor.minprocs", s.MinProcs},
		{"supervisor.nocleanup", s.KeepLogs},
		{"supervisor.orphans", s.Orphans},
		{"supervisor.password", s.Auth.Password},
		{"supervisor.pidfile", s.PidFile},
		{"supervisor.servers", s.Servers},
		{"supervisor.serverurl", s.ServerURL},
		{"supervisor.silent", s.Silent},
		{"supervisor.socket", s.Socket},
		{"supervisor.socket_mode", s.SocketMode},
		{"supervisor.socket_owner", []int{s.SocketUID, s.SocketGID}},
		{"supervisor.state_dir", s.StateDir},
		{"supervisor.strip_ansi", s.StripANSI},
		{"supervisor.umask", s.Umask},
		{"supervisor.user", s.User},
		{"supervisor.username", s.Auth.Username},
	}
}
