package conf

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// channels resolves what a program has beside its command: where its input
// comes from and what else becomes of its output.
func (src *source) channels(p *Program) {
	res, raw := src.res, src.raw
	p.Listener = src.listener()
	p.Fcgi = src.fcgi(p.User)
	p.Stdin = p.Fcgi == nil && (p.Listener != nil || *raw.Stdin == "pipe")
	p.ServerURL = res.serverURL(src.at.at("serverurl"), *raw.ServerURL, res.url, src.names)
	p.StdoutCapture = Capture{res.capture(src.at.at("stdout_capture_maxbytes"), raw.StdoutCapture), bool(*raw.StdoutEvents), bool(*raw.StdoutSyslog)}
	p.StderrCapture = Capture{res.capture(src.at.at("stderr_capture_maxbytes"), raw.StderrCapture), bool(*raw.StderrEvents), bool(*raw.StderrSyslog)}
}

func (res *resolver) capture(at place, z *size) Bytes {
	b := res.bytes(at, z)
	if b == Unlimited {
		res.problem(at, faultf("write 1M, or 0 for no capture", "cannot hold a capture without a limit"))
	}
	return b
}

// listener is nil for a program without [programs.NAME.listener].
func (src *source) listener() *Listener {
	given, raw := src.given.Listener, src.raw.Listener
	if given == (rawListener{}) {
		return nil
	}
	at := src.at.at("listener")
	l := &Listener{BufferSize: int(*raw.BufferSize), Handler: src.res.expand(at.at("result_handler"), *raw.Handler, src.names)}
	if given.Events == nil || len(*given.Events) == 0 {
		src.res.problem(at, faultf(`write events = ["PROCESS_STATE"]`, `a listener requires an "events" line`))
		return l
	}
	for _, event := range *given.Events {
		l.Events = append(l.Events, strings.ToUpper(strings.TrimSpace(event)))
	}
	return l
}

const socketHint = `write "unix:///absolute/path" or "tcp://host:port"`

var tcpSocket = regexp.MustCompile(`^tcp://([^\s:]+):(\d+)$`)

// fcgi is nil for a program without [programs.NAME.fcgi]. The socket belongs to
// whom the program runs as, unless that is said or is the supervisor.
func (src *source) fcgi(user *User) *Fcgi {
	given, raw := src.given.Fcgi, src.raw.Fcgi
	if given == (rawFcgi{}) {
		return nil
	}
	at := src.at.at("fcgi")
	f := &Fcgi{Network: "unix", Mode: fs.FileMode(*raw.Mode), UID: -1, GID: -1, Backlog: int(*raw.Backlog)}
	if given.Socket == nil {
		src.res.problem(at, faultf(socketHint, `a FastCGI program requires a "socket" line`))
		return f
	}
	socket := src.res.expand(at.at("socket"), *given.Socket, src.names)
	if path, ok := strings.CutPrefix(socket, "unix://"); ok {
		f.Address = filepath.Clean(path)
		if !filepath.IsAbs(path) {
			src.res.problem(at.at("socket"), faultf(socketHint, "Unix socket path %s is not an absolute path", path))
		}
		switch {
		case given.Owner != nil:
			f.UID, f.GID = src.res.owner(at.at("socket_owner"), *given.Owner)
		case user != nil && int(user.UID) != src.res.env.UID:
			f.UID, f.GID = int(user.UID), int(user.GID)
		}
		return f
	}
	f.Mode = 0
	if given.Owner != nil || given.Mode != nil {
		src.res.problem(at.at("socket"), faultf("leave them out", "socket_owner and socket_mode params should only be used with a Unix domain socket"))
	}
	m := tcpSocket.FindStringSubmatch(socket)
	if m == nil {
		src.res.problem(at.at("socket"), faultf(socketHint, "Bad socket format %s", socket))
		return f
	}
	f.Network, f.Address = "tcp", strings.ToLower(m[1])+":"+m[2]
	if _, _, fault := inetAddress(f.Address); fault != nil {
		src.res.problem(at.at("socket"), fault)
	}
	return f
}
