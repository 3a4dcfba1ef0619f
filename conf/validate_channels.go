package conf

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// eventTypes are supervisord's and ours.
var eventTypes = []string{
	"EVENT",
	"PROCESS_STATE", "PROCESS_STATE_STOPPED", "PROCESS_STATE_EXITED", "PROCESS_STATE_STARTING", "PROCESS_STATE_STOPPING",
	"PROCESS_STATE_BACKOFF", "PROCESS_STATE_FATAL", "PROCESS_STATE_RUNNING", "PROCESS_STATE_UNKNOWN",
	"PROCESS_COMMUNICATION", "PROCESS_COMMUNICATION_STDOUT", "PROCESS_COMMUNICATION_STDERR",
	"PROCESS_LOG", "PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR",
	"REMOTE_COMMUNICATION",
	"SUPERVISOR_STATE_CHANGE", "SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE_STOPPING",
	"TICK", "TICK_5", "TICK_60", "TICK_3600",
	"PROCESS_GROUP", "PROCESS_GROUP_ADDED", "PROCESS_GROUP_REMOVED",
	// supervisord has not:
	"BULKHEAD", "BULKHEAD_RECYCLED", "BULKHEAD_OOM_KILLED", "BULKHEAD_ENDED", "BULKHEAD_TROUBLE", "BULKHEAD_HOST_PRESSURE",
	"BULKHEAD_HOST_OOM_KILL",
}

const defaultHandler = "supervisor.dispatchers:default_handler"

// channels checks what listeners and FastCGI programs must keep to.
func (v *checker) channels() {
	v.res.oneOf(v.src.at.at("stdin"), string(*v.src.raw.Stdin), []string{"null", "pipe"})
	if l := v.p.Listener; l != nil {
		v.listener(l)
	}
	if f := v.p.Fcgi; f != nil && (f.Backlog < 0 || f.Backlog > 65535 || v.src.given.Fcgi.Backlog != nil && f.Backlog == 0) {
		v.problem(faultf("write a number from 1 to 65535", "Invalid socket_backlog value %d", f.Backlog), "fcgi", "socket_backlog")
	}
	if v.p.Fcgi != nil && v.p.Listener != nil {
		v.problem(faultf("make two programs of it", "cannot be an event listener and a FastCGI program at once"), "fcgi")
	}
}

func (v *checker) listener(l *Listener) {
	for _, event := range l.Events {
		if !slices.Contains(eventTypes, event) {
			hint := "the types are " + strings.Join(eventTypes, ", ")
			if near := nearest(event, slices.Clone(eventTypes)); near != "" {
				hint = "write " + near
			}
			v.problem(faultf(hint, "Unknown event type %s", event), "listener", "events")
		}
	}
	if l.BufferSize < 1 {
		v.problem(faultf("write 1 or more", "invalid buffer_size (%d)", l.BufferSize), "listener", "buffer_size")
	}
	if l.Handler != defaultHandler && !v.bad("listener", "result_handler") {
		v.problem(faultf("leave it out: a listener answers OK or FAIL", "cannot use %q: there is no Python here to run it", l.Handler), "listener", "result_handler")
	}
	if *v.src.raw.RedirectStderr {
		v.problem(faultf("leave it out", "redirect_stderr=true is not allowed because it will interfere with the eventlistener protocol"), "redirect_stderr")
	}
}

// checkServers refuses what would let strangers start programs.
func (res *resolver) checkServers(c *Config) {
	at := place{res.main, []string{"supervisor", "servers"}}
	seen := map[string]bool{c.Supervisor.Socket: true}
	for i, s := range c.Supervisor.Servers {
		at := at.at(strconv.Itoa(i), "address")
		if s.Address == "" || res.bad[at.key()] {
			continue
		}
		if seen[s.Address] {
			res.problem(at, faultf("remove one of them", "cannot listen on %s twice", s.Address))
		}
		seen[s.Address] = true
		switch {
		case s.Network == "unix" && len(s.Address) > maxSocketPath:
			res.problem(at, faultf("write a shorter path", "cannot use %q as a socket: its path is %d bytes long and the kernel takes %d", s.Address, len(s.Address), maxSocketPath))
		case s.Network == "tcp" && s.Auth == (Auth{}) && !loopback(s.Address):
			res.problem(at, faultf("set username and password, or listen on 127.0.0.1",
				"cannot listen on %s without a password: everybody who reaches it could start and stop programs", s.Address))
		}
	}
}

// checkPlaces refuses directories that are not there.
func (res *resolver) checkPlaces(at place, c *Config) {
	for key, dir := range map[string]string{"directory": c.Supervisor.Directory, "childlogdir": c.Supervisor.ChildLogDir} {
		if info, err := os.Stat(dir); dir != "" && (err != nil || !info.IsDir()) {
			res.problem(at.at(key), faultf("create it: mkdir -p "+dir, "%s is not an existing directory", dir))
		}
	}
	if file := c.Supervisor.PidFile; file != "" {
		if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
			res.problem(at.at("pidfile"), faultf("create it: mkdir -p "+filepath.Dir(file), "The directory named as part of the path %s does not exist", file))
		}
	}
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
