package rpc

import (
	"context"
	"slices"
	"strings"

	"bulkhead/supervisor/xmlrpc"
)

func reloadConfig(ctx context.Context, i *Interface, _ arguments) (any, error) {
	added, changed, removed, err := i.super.Reload(ctx)
	if err != nil {
		return nil, err
	}
	return xmlrpc.Array{xmlrpc.Array{array(added), array(changed), array(removed)}}, nil
}

func array[T any](all []T) xmlrpc.Array {
	out := make(xmlrpc.Array, len(all))
	for n, v := range all {
		out[n] = v
	}
	return out
}

func addProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return done(i.super.AddGroup(ctx, a.text(0)))
}

func removeProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return done(i.super.RemoveGroup(ctx, a.text(0)))
}

func updateProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return done(i.super.UpdateGroup(ctx, a.text(0)))
}

func getAllConfigInfo(ctx context.Context, i *Interface, _ arguments) (any, error) {
	all := slices.Clone(i.super.Configs(ctx))
	slices.SortStableFunc(all, func(a, b Config) int { return strings.Compare(a.Name, b.Name) })
	out := xmlrpc.Array{}
	for _, c := range all {
		out = append(out, configInfo(c))
	}
	return out, nil
}

func configInfo(c Config) xmlrpc.Struct {
	var uid any = c.UID
	if c.UID < 0 {
		uid = "none"
	}
	s := xmlrpc.Struct{
		{Name: "autostart", Value: c.AutoStart},
		{Name: "directory", Value: orNone(c.Directory)},
		{Name: "uid", Value: uid},
		{Name: "command", Value: c.Command},
		{Name: "exitcodes", Value: array(c.ExitCodes)},
		{Name: "group", Value: c.Group},
		{Name: "group_prio", Value: c.GroupPriority},
		{Name: "inuse", Value: c.InUse},
		{Name: "killasgroup", Value: c.KillAsGroup},
		{Name: "name", Value: c.Name},
		{Name: "process_prio", Value: c.Priority},
		{Name: "redirect_stderr", Value: c.RedirectStderr},
		{Name: "startretries", Value: c.StartRetries},
		{Name: "startsecs", Value: c.StartSecs},
	}
	s = append(s, outputInfo("stdout", c.Stdout)...)
	s = append(s, xmlrpc.Struct{
		{Name: "stopsignal", Value: c.StopSignal},
		{Name: "stopwaitsecs", Value: c.StopWaitSecs},
	}...)
	s = append(s, outputInfo("stderr", c.Stderr)...)
	return append(s, xmlrpc.Member{Name: "serverurl", Value: orNone(c.ServerURL)})
}

func outputInfo(channel string, o Output) xmlrpc.Struct {
	return xmlrpc.Struct{
		{Name: channel + "_capture_maxbytes", Value: o.CaptureMaxBytes},
		{Name: channel + "_events_enabled", Value: o.Events},
		{Name: channel + "_logfile", Value: orNone(o.LogFile)},
		{Name: channel + "_logfile_backups", Value: o.Backups},
		{Name: channel + "_logfile_maxbytes", Value: o.MaxBytes},
		{Name: channel + "_syslog", Value: o.Syslog},
	}
}

// orNone is how supervisord says that there is nothing: XML-RPC has no word for it.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
