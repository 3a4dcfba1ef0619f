package conf

import (
	"slices"
	"strings"

	"bulkhead/conf/ini"
)

// Overrides are the options of supervisord's command line that stand for a key
// of [supervisord], as they are written; "" and false are not given.
type Overrides struct {
	NoDaemon        bool   // -n
	Silent          bool   // -s
	NoCleanup       bool   // -k
	StripANSI       bool   // -t
	User            string // -u
	Umask           string // -m
	Directory       string // -d
	LogFile         string // -l
	LogFileMaxBytes string // -y
	LogFileBackups  string // -z
	LogLevel        string // -e
	PidFile         string // -j
	Identifier      string // -i
	ChildLogDir     string // -q
	MinFDs          string // -a
	MinProcs        string // --minprocs
}

// over returns the keys of [supervisord] with what is given before what is
// written. Nothing is expanded on a command line.
func (o Overrides) over(written []*ini.Value) []*ini.Value {
	all := slices.Clone(written)
	for _, g := range []struct {
		key, value string
		set        bool
	}{
		{"nodaemon", "true", o.NoDaemon},
		{"silent", "true", o.Silent},
		{"nocleanup", "true", o.NoCleanup},
		{"strip_ansi", "true", o.StripANSI},
		{"user", o.User, o.User != ""},
		{"umask", o.Umask, o.Umask != ""},
		{"directory", o.Directory, o.Directory != ""},
		{"logfile", o.LogFile, o.LogFile != ""},
		{"logfile_maxbytes", o.LogFileMaxBytes, o.LogFileMaxBytes != ""},
		{"logfile_backups", o.LogFileBackups, o.LogFileBackups != ""},
		{"loglevel", o.LogLevel, o.LogLevel != ""},
		{"pidfile", o.PidFile, o.PidFile != ""},
		{"identifier", o.Identifier, o.Identifier != ""},
		{"childlogdir", o.ChildLogDir, o.ChildLogDir != ""},
		{"minfds", o.MinFDs, o.MinFDs != ""},
		{"minprocs", o.MinProcs, o.MinProcs != ""},
	} {
		if g.set {
			all = slices.DeleteFunc(all, func(v *ini.Value) bool { return v.Key == g.key })
			all = append(all, &ini.Value{Key: g.key, Text: strings.ReplaceAll(g.value, "%", "%%"), File: "the command line"})
		}
	}
	return all
}
