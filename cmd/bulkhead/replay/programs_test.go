package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// program is what both supervisors shall run, and what only bulkhead is told.
type program struct {
	name    string
	command string // as both split it; a percent sign is written twice
	size    int    // numprocs
	stop    time.Duration
	only    string // lines of the program's TOML table, bulkhead's own
}

// ini is the configuration for supervisord.
func ini(dir string, all []program) string {
	var b strings.Builder
	fmt.Fprintf(&b, `[unix_http_server]
file=%[1]s/s.sock
[supervisord]
logfile=%[1]s/supervisord.log
pidfile=%[1]s/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%[1]s/s.sock
`, dir)
	for _, p := range all {
		fmt.Fprintf(&b, `[program:%s]
command=%s
process_name=%%(program_name)s_%%(process_num)02d
numprocs=%d
autorestart=true
stopwaitsecs=%d
stdout_logfile=%s/programs.log
redirect_stderr=true
`, p.name, p.command, p.size, int(p.stop.Seconds()), dir)
	}
	return b.String()
}

// toml is the same for bulkhead. more are its tables beside the programs.
func toml(dir, more string, all []program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[supervisor]\nsocket = \"%[1]s/b.sock\"\nstate_dir = \"%[1]s/state\"\nlog_file = \"%[1]s/bulkhead.log\"\ncgroup = \"require\"\n%s\n", dir, more)
	for _, p := range all {
		fmt.Fprintf(&b, `[programs.%s]
command = %q
process_name = "%%(program_name)s_%%(process_num)02d"
numprocs = %d
autorestart = true
stopwaitsecs = %d
stdout_logfile = "%s/programs.log"
redirect_stderr = true
%s
`, p.name, p.command, p.size, int(p.stop.Seconds()), dir, strings.TrimSpace(p.only))
	}
	return b.String()
}

func TestPrograms(t *testing.T) {
	all := []program{{"queue", "php worker.php", 25, 10 * time.Second, "limits.memory_max = \"64M\"\n"}}
	for _, c := range []struct{ text, part string }{
		{ini("/d", all), "[program:queue]\ncommand=php worker.php\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=25\nautorestart=true\nstopwaitsecs=10\n"},
		{toml("/d", "[host]\novercommit = \"deny\"", all), "[host]\novercommit = \"deny\"\n[programs.queue]\ncommand = \"php worker.php\"\n"},
		{toml("/d", "", all), "redirect_stderr = true\nlimits.memory_max = \"64M\"\n"},
	} {
		if !strings.Contains(c.text, c.part) {
			t.Errorf("%q is missing in\n%s", c.part, c.text)
		}
	}
}
