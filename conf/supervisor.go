package conf

import (
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// supervisor resolves the [supervisor] table.
func (res *resolver) supervisor(c *Config, raw *rawSupervisor) {
	fill(raw, ptr(supervisorDefaults(res.env)))
	at := place{res.main, []string{"supervisor"}}
	res.environ = res.expandAll(at.at("environment"), *raw.Environment, res.names)
	socket := res.path(at.at("socket"), *raw.Socket, res.names)
	if raw.StateDir == nil {
		raw.StateDir = ptr(text(stateDirOf(socket, res.env)))
	}
	uid, gid := res.owner(at.at("socket_owner"), *raw.SocketOwner)
	s := Supervisor{
		Socket:      socket,
		SocketMode:  fs.FileMode(*raw.SocketMode),
		SocketUID:   uid,
		SocketGID:   gid,
		StateDir:    res.path(at.at("state_dir"), *raw.StateDir, res.names),
		Cgroup:      CgroupMode(*raw.Cgroup),
		Orphans:     Orphans(*raw.Orphans),
		Auth:        res.auth(at, raw.Username, raw.Password),
		Identifier:  res.expand(at.at("identifier"), *raw.Identifier, res.names),
		PidFile:     res.path(at.at("pidfile"), *raw.PidFile, res.names),
		ChildLogDir: res.path(at.at("childlogdir"), *raw.ChildLogDir, res.names),
		KeepLogs:    bool(*raw.NoCleanup),
		StripANSI:   bool(*raw.StripANSI),
		Umask:       -1,
		Directory:   res.path(at.at("directory"), *raw.Directory, res.names),
		MinFDs:      int(*raw.MinFDs),
		MinProcs:    int(*raw.MinProcs),
		Foreground:  true,
		Silent:      bool(*raw.Silent),
	}
	if raw.Umask != nil {
		s.Umask = int(*raw.Umask)
	}
	if raw.User != nil {
		s.User = res.user(at.at("user"), *raw.User, res.names)
	}
	for i := range raw.Servers {
		s.Servers = append(s.Servers, res.server(at.at("servers", strconv.Itoa(i)), &raw.Servers[i]))
	}
	s.ServerURL = res.serverURL(at.at("serverurl"), *raw.ServerURL, "unix://"+socket, res.names)
	res.url = s.ServerURL
	res.log(&s, raw)
	c.Supervisor = s
}

// log resolves the supervisor's own log.
func (res *resolver) log(s *Supervisor, raw *rawSupervisor) {
	at := place{res.main, []string{"supervisor"}}
	switch file := *raw.LogFile; file {
	case "-", "/dev/stderr":
	case "syslog":
		s.LogSyslog = true
	default:
		s.LogFile = res.path(at.at("log_file"), file, res.names)
	}
	s.LogFileMaxBytes = res.bytes(at.at("log_file_maxbytes"), raw.LogFileMaxBytes)
	if s.LogFileMaxBytes == Unlimited {
		s.LogFileMaxBytes = 0
	}
	s.LogFileBackups = int(*raw.LogFileBackups)
	s.LogLevel = string(*raw.LogLevel)
	s.LogStyle = string(*raw.LogStyle)
}

// owner reads who is to own a socket; -1 is as created.
func (res *resolver) owner(at place, t text) (uid, gid int) {
	uid, gid, f := res.env.owner(res.expand(at, t, res.names))
	if f != nil {
		res.problem(at, f)
	}
	return uid, gid
}

func (res *resolver) auth(at place, username, password *text) Auth {
	if (username == nil) != (password == nil) {
		key := "username"
		if username == nil {
			key = "password"
		}
		res.problem(at.at(key), faultf("write both, or none",
			"If a username or a password is specified, both the username and password must be specified"))
	}
	if username == nil || password == nil {
		return Auth{}
	}
	return Auth{
		Username: res.expand(at.at("username"), *username, res.names),
		Password: res.expand(at.at("password"), *password, res.names),
	}
}

const addressHint = `write "unix:///path", "host:port", or ":port" for all interfaces`

// server resolves one [[supervisor.servers]].
func (res *resolver) server(at place, raw *rawServer) Server {
	given := *raw
	fill(raw, ptr(serverDefaults()))
	s := Server{Network: "tcp", UID: -1, GID: -1, Auth: res.auth(at, raw.Username, raw.Password)}
	if raw.Address == nil {
		res.problem(at, faultf(addressHint, "the address is missing"))
		return s
	}
	address := res.expand(at.at("address"), *raw.Address, res.names)
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		s.Network, s.Address, s.Mode = "unix", filepath.Clean(path), fs.FileMode(*raw.Mode)
		s.UID, s.GID = res.owner(at.at("owner"), *raw.Owner)
		if !filepath.IsAbs(path) {
			res.problem(at.at("address"), faultf(addressHint, "cannot use %q as an address: the path is not absolute", address))
		}
		return s
	}
	for key, set := range map[string]bool{"mode": given.Mode != nil, "owner": given.Owner != nil} {
		if set {
			res.problem(at.at(key), faultf("leave it out", "cannot give a TCP address a %s: only a unix socket has one", key))
		}
	}
	host, port, f := inetAddress(address)
	if f != nil {
		res.problem(at.at("address"), f)
		return s
	}
	s.Address = host + ":" + strconv.Itoa(port)
	return s
}

// inetAddress reads 9001, :9001, *:9001 or host:9001; the host is empty for all
// interfaces.
func inetAddress(s string) (host string, port int, f *fault) {
	number := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, number = strings.ToLower(s[:i]), s[i+1:]
	}
	if host == "*" {
		host = ""
	}
	port, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return "", 0, faultf(addressHint, "not a valid port number: %q", s)
	}
	if port < 1 || port > 65535 {
		return "", 0, faultf(addressHint, "cannot use %d as a port: not between 1 and 65535", port)
	}
	return host, port, nil
}

// serverURL is what SUPERVISOR_SERVER_URL will be: auto, or as it is written.
func (res *resolver) serverURL(at place, t text, auto string, n names) string {
	url := res.expand(at, t, n)
	if strings.EqualFold(strings.TrimSpace(url), "auto") {
		return auto
	}
	return url
}
