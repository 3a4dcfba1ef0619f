package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"bulkhead/conf"
	"bulkhead/supervisor"
)

// supervisordUsage is printed for -h and -?.
const supervisordUsage = `supervisord -- run a set of applications as daemons (bulkhead, by that name).

Usage: %s [options]

Options:
%s`

// supervisordLine is a command line of supervisord's.
type supervisordLine struct {
	given         conf.Overrides
	file          string
	rehearse      string
	help, version bool
	profile       string
	flags         *pflag.FlagSet
	called        string
}

// readSupervisordLine reads supervisord's options (4.2.5, options.py).
func readSupervisordLine(args []string) (*supervisordLine, error) {
	l := &supervisordLine{flags: pflag.NewFlagSet("supervisord", pflag.ContinueOnError), called: args[0]}
	f, g := l.flags, &l.given
	f.SortFlags = false
	f.StringVarP(&l.file, "configuration", "c", "", "configuration `FILENAME` (searches if not given)")
	f.BoolVarP(&g.NoDaemon, "nodaemon", "n", false, "run in the foreground")
	f.BoolVarP(&g.Silent, "silent", "s", false, "no logs to stdout")
	f.BoolVarP(&l.help, "help", "h", false, "print this usage message and exit")
	f.BoolVarP(&l.version, "version", "v", false, "print the version number and exit")
	f.StringVarP(&g.User, "user", "u", "", "run as this `USER` (or numeric uid)")
	f.StringVarP(&g.Umask, "umask", "m", "", "use this `UMASK` when daemonized")
	f.StringVarP(&g.Directory, "directory", "d", "", "`DIRECTORY` to chdir to when daemonized")
	f.StringVarP(&g.LogFile, "logfile", "l", "", "use `FILENAME` as logfile path")
	f.StringVarP(&g.LogFileMaxBytes, "logfile_maxbytes", "y", "", "use `BYTES` to limit the size of logfile")
	f.StringVarP(&g.LogFileBackups, "logfile_backups", "z", "", "`NUM`ber of backups to keep when max bytes reached")
	f.StringVarP(&g.LogLevel, "loglevel", "e", "", "log `LEVEL` (debug,info,warn,error,critical)")
	f.StringVarP(&g.PidFile, "pidfile", "j", "", "write a pid file to `FILENAME`")
	f.StringVarP(&g.Identifier, "identifier", "i", "", "`NAME` of this instance of supervisord")
	f.StringVarP(&g.ChildLogDir, "childlogdir", "q", "", "the log `DIRECTORY` for child process logs")
	f.BoolVarP(&g.NoCleanup, "nocleanup", "k", false, "keep old automatic child log files at startup")
	f.StringVarP(&g.MinFDs, "minfds", "a", "", "the minimum `NUM`ber of file descriptors for start success")
	f.BoolVarP(&g.StripANSI, "strip_ansi", "t", false, "strip ansi escape codes from process output")
	f.StringVar(&g.MinProcs, "minprocs", "", "the minimum `NUM`ber of processes available for start success")
	f.StringVar(&l.profile, "profile_options", "", "accepted and ignored")
	f.StringVar(&l.rehearse, "rehearse", "", "")
	_ = f.MarkHidden("rehearse")
	rest := make([]string, 0, len(args))
	for _, a := range args[1:] {
		if a == "-?" { // pflag has no such name
			a = "--help"
		}
		rest = append(rest, a)
	}
	if err := f.Parse(rest); err != nil {
		return l, err
	}
	if f.NArg() > 0 {
		return l, errors.New("positional arguments are not supported: " + fmt.Sprintf("%q", f.Args()))
	}
	return l, nil
}

// supervisord is bulkhead called by that name: its options, its configuration, its
// log, in the background unless told otherwise.
func (a *app) supervisord(args []string) int {
	l, err := readSupervisordLine(args)
	switch {
	case err != nil:
		return a.supervisordError(args[0], err)
	case l.help:
		fmt.Fprintf(a.out, supervisordUsage, args[0], l.flags.FlagUsages())
		return exitOK
	case l.version:
		a.say("%s", ownVersion())
		return exitOK
	}
	err = a.runSupervisord(l)
	var given *supervisor.GivenUpError
	var all *conf.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, supervisor.ErrSaid):
		return exitUsage
	case errors.As(err, &given):
		return a.exit(err)
	case errors.As(err, &all):
		for _, p := range all.List {
			fmt.Fprintf(a.err, "Error: %s\n", p)
		}
		fmt.Fprintf(a.err, "For help, use %s -h\n", args[0])
		return exitUsage
	}
	return a.supervisordError(args[0], err)
}

// supervisordError is how supervisord says that it does not start.
func (a *app) supervisordError(called string, err error) int {
	fmt.Fprintf(a.err, "Error: %v\nFor help, use %s -h\n", err, called)
	return exitUsage
}

func (a *app) runSupervisord(l *supervisordLine) error {
	if l.file == "" {
		cwd, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("cannot find a config file: %v", err)
		}
		if l.file, err = conf.FindINI(l.called, cwd); err != nil {
			return err
		}
	}
	read := func() (*conf.Config, []conf.Warning, error) {
		env, err := conf.HostEnv()
		if err != nil {
			return nil, nil, err
		}
		return conf.ReadINI(l.file, env, l.given)
	}
	cfg, _, err := read()
	if err != nil {
		return err
	}
	told, err := supervisor.Become(cfg.Supervisor)
	if err != nil {
		return err
	}
	cfg, warnings, err := read() // places may be others for another user
	if err != nil {
		return err
	}
	var warned []string
	for _, w := range warnings {
		warned = append(warned, w.Message)
	}
	options := supervisor.Options{
		Config: cfg, Version: ownVersion(), Out: a.out, Told: told, Warned: warned,
		Read: func() (*conf.Config, error) {
			again, _, err := read()
			return again, err
		},
	}
	if l.rehearse != "" {
		return supervisor.Rehearse(options, l.rehearse)
	}
	if !cfg.Supervisor.Foreground && !supervisor.IsDaemon() {
		return supervisor.Daemonize()
	}
	return supervisor.Serve(context.Background(), options)
}
