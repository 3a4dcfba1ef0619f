package doctor

import (
	"path"
	"slices"
	"strings"

	"bulkhead/conf"
)

// roles are programs whose loss stops more than themselves, by name.
var roles = map[string]string{
	"mysqld": "a database", "mariadbd": "a database", "postgres": "a database", "mongod": "a database",
	"redis-server": "a database", "valkey-server": "a database", "keydb-server": "a database",
	"sshd":  "the way in",
	"nginx": "a web server", "apache2": "a web server", "httpd": "a web server", "caddy": "a web server", "haproxy": "a web server",
	"supervisord": supervisorRole, "bulkhead": supervisorRole,
	"systemd": "the init system", "dbus-daemon": "the system's bus", "dockerd": "the container daemon", "containerd": "the container daemon",
}

const supervisorRole = "the supervisor of others"

// roleOf is what a program is to the host; "" for most.
func roleOf(program string) string {
	words := strings.Fields(program)
	if len(words) == 0 {
		return ""
	}
	return roles[strings.TrimSuffix(words[0], ":")]
}

func isRedis(program string) bool {
	return program == "redis-server" || program == "valkey-server" || program == "keydb-server"
}

// isWorker tells whether a process is a queue worker that a preset is for, and at how much memory
// it ends itself by its own options: 0 for none. The shell that started it is none.
func isWorker(p Process) (preset string, memory int64, ok bool) {
	words := strings.Fields(p.Program)
	if len(words) < 2 {
		return "", 0, false
	}
	if kind, _ := interpreter(words[0]); kind != "php" || !slices.Contains(consoles, words[1]) {
		return "", 0, false
	}
	if len(words) > 2 && strings.HasPrefix(words[2], "horizon:") { // the master's children
		return "horizon", 0, true
	}
	preset, own, ok := conf.KnownWorker(p.Argv)
	return preset, int64(own), ok
}

// supervisedBy is the nearest ancestor that is a supervisor; nil for none.
func (h *Host) supervisedBy(p Process) *Process {
	for range len(h.Processes) { // a loop among them would be a torn reading
		parent := h.process(p.Parent)
		if parent == nil {
			return nil
		}
		if roleOf(parent.Program) == supervisorRole {
			return parent
		}
		p = *parent
	}
	return nil
}

// process finds one by its pid; nil when it is not there.
func (h *Host) process(pid int) *Process {
	i, ok := slices.BinarySearchFunc(h.Processes, pid, func(p Process, pid int) int { return p.PID - pid })
	if !ok {
		return nil
	}
	return &h.Processes[i]
}

// isSupervisord tells supervisord, a script, from bulkhead, which may be called so.
func isSupervisord(p *Process) bool {
	if p.Program != "supervisord" || len(p.Argv) == 0 {
		return false
	}
	_, script := interpreter(path.Base(p.Argv[0]))
	return script
}

// configOf is the file that supervisord was started with.
func configOf(p *Process) string {
	for i, arg := range p.Argv {
		if (arg == "-c" || arg == "--configuration") && i+1 < len(p.Argv) && path.IsAbs(p.Argv[i+1]) {
			return printable(p.Argv[i+1])
		}
		if v, ok := strings.CutPrefix(arg, "--configuration="); ok && path.IsAbs(v) {
			return printable(v)
		}
	}
	return "/etc/supervisor/supervisord.conf"
}
