package conf

import (
	"fmt"
	"strings"
	"testing"
)

// Each rule at its edge: the last value that is taken without a word, and the
// first that is not. The wording is in testdata/bad.
func TestEdges(t *testing.T) {
	name := strings.Repeat("n", maxName)
	socket := "/" + strings.Repeat("s", maxSocketPath-1)
	for _, tc := range []struct {
		good, bad string // keys of [programs.x], with $L for limits, $T for total, $R for recycle, $H for health
		say       string // in the problem or warning about bad
	}{
		{"$L.memory_max = '4M'", "$L.memory_max = 4194303", "too small"},
		{"$L.memory_high = '4M'", "$L.memory_high = 4194303", "too small"},
		{"$T.memory_max = '4M'", "$T.memory_max = 4194303", "too small"},
		{"$L.memory_max = '15G'", "$L.memory_max = 17179869185", "this host has 16G"},
		{"$L.memory_high = '16G'", "$L.memory_high = 17179869185", "this host has 16G"},
		{"$L.memory_min = '16G'", "$L.memory_min = 'max'", "this host has 16G"},
		{"$L.memory_max = '8M'\n$L.memory_high = '8M'", "$L.memory_max = '8M'\n$L.memory_high = 8388609", "never be reached"},
		{"$T.memory_max = '8M'\n$T.memory_high = '8M'", "$T.memory_max = '8M'\n$T.memory_high = 8388609", "never be reached"},
		{"$L.memory_max = '8M'\n$L.memory_min = '8M'", "$L.memory_max = '8M'\n$L.memory_min = 8388609", "more would be kept"},
		{"$L.memory_max = '8M'\n$L.memory_low = '8M'", "$L.memory_max = '8M'\n$L.memory_low = 8388609", "more would be kept"},
		{"$L.memory_max = '8M'\n$T.memory_max = '8M'", "$L.memory_max = 8388609\n$T.memory_max = '8M'", "all instances together"},
		{"$L.memory_high = '8M'\n$T.memory_high = '8M'", "$L.memory_high = 8388609\n$T.memory_high = '8M'", "all instances together"},
		{"$L.memory_high = '8M'\n$T.memory_max = '8M'", "$L.memory_high = 8388609\n$T.memory_max = '8M'", "all instances together"},
		{"$L.memory_swap_max = 1\n$T.memory_swap_max = 1", "$L.memory_swap_max = 2\n$T.memory_swap_max = 1", "all instances together"},
		{"$L.cpu_max = 2\n$T.cpu_max = '200%'", "$L.cpu_max = 2.1\n$T.cpu_max = '200%'", "all instances together"},
		{"$L.pids_max = 'max'\n$T.pids_max = 2", "$L.pids_max = 3\n$T.pids_max = 2", "all instances together"},
		{"$L.pids_max = 2\n$T.pids_max = 2", "$L.pids_max = 0", "as pids_max"},
		{"$L.memory_min = '8M'\n$T.memory_min = '16M'\nnumprocs = 2", "$L.memory_min = '8M'\n$T.memory_min = '15M'\nnumprocs = 2", "in part only"},
		{"$L.cpu_max = 4", "$L.cpu_max = 4.1", "limit nothing"},
		{"$L.cpu_max = 0.01", "$L.cpu_max = 0.009", "as CPU time"},
		{"$L.oom_score_adj = -1000", "$L.oom_score_adj = -1001", "out of range"},
		{"$L.oom_score_adj = 1000", "$L.oom_score_adj = 1001", "out of range"},
		{"$L.oom_score_adj = -999\n$L.memory_max = '1G'", "$L.oom_score_adj = -1000\n$L.memory_max = '1G'", "for ever"},
		{"$L.oom_score_adj = -999\n$T.memory_high = '1G'", "$L.oom_score_adj = -1000\n$T.memory_high = '1G'", "for ever"},
		{"$L.nice = -20", "$L.nice = -21", "out of range"},
		{"$L.nice = 19", "$L.nice = 20", "out of range"},
		{"$L.cpu_weight = 1", "$L.cpu_weight = 0", "out of range"},
		{"$L.cpu_weight = 10000", "$L.cpu_weight = 10001", "out of range"},
		{"$L.io_weight = 1", "$L.io_weight = 0", "out of range"},
		{"$T.io_weight = 10000", "$T.io_weight = 10001", "out of range"},
		{"$R.max_memory = 8388607\n$L.memory_max = '8M'", "$R.max_memory = '8M'\n$L.memory_max = '8M'", "is the same"},
		{"$R.max_memory = 8388607\n$L.memory_max = '8M'", "$R.max_memory = 8388609\n$L.memory_max = '8M'", "the kernel kills the instance"},
		{"$R.max_memory = '8M'\n$T.memory_max = '8M'", "$R.max_memory = 8388609\n$T.memory_max = '8M'", "for all together"},
		{"$R.max_memory = '8M'\n$L.memory_high = '8M'", "$R.max_memory = 8388609\n$L.memory_high = '8M'", "slows the instance down"},
		{"$R.max_memory = '16G'", "$R.max_memory = 17179869185", "this host has 16G"},
		{"$R.max_memory = 'max'", "$R.max_memory = -1", "negative"},
		{"$R.parallel = 2\nnumprocs = 2", "$R.parallel = 3\nnumprocs = 2", "numprocs is 2"},
		{"$R.parallel = 1\nnumprocs = 0", "$R.parallel = 0", "cannot recycle 0"},
		{"$R.jitter = '0%'", "$R.jitter = '-1%'", "not between"},
		{"$R.jitter = '100%'", "$R.jitter = '100.1%'", "not between"},
		{"$R.max_jobs = 0", "$R.max_jobs = -1", "negative"},
		{"$R.max_jobs = 1\nnotify = true", "$R.max_jobs = 1", "nothing counts"},
		{"$R.max_jobs = 1\njob_pattern = 'x'", "$R.max_jobs = 1\njob_pattern = ''", "nothing counts"},
		{"$R.max_jobs = 1\njob_format = 'symfony'", "$R.max_jobs = 1\njob_format = 'none'", "nothing counts"},
		{"$H.tcp = 'x:1'\n$H.interval = 1", "$H.tcp = 'x:1'\n$H.interval = '999ms'", "too short"},
		{"$H.tcp = 'x:1'\n$H.timeout = '1ms'", "$H.tcp = 'x:1'\n$H.timeout = 0", "cannot wait 0s"},
		{"$H.tcp = 'x:1'\n$H.retries = 1", "$H.tcp = 'x:1'\n$H.retries = 0", "the first failure is one"},
		{"$H.tcp = 'x:1'\n$H.start = 0", "$H.tcp = 'x:1'\n$H.start = -1", "as a duration"},
		{"$H.tcp = 'x:65535'", "$H.tcp = 'x:65536'", "is no port"},
		{"$H.tcp = '[::1]:1'", "$H.tcp = '::1:1'", "not host:port"},
		{"$H.tcp = 'x:1'", "$H.tcp = ':1'", "not host:port"},
		{"$H.tcp = 'x:1'", "$H.tcp = 'x:0'", "is no port"},
		{"$H.tcp = 'x:1%(process_num)02d'", "$H.tcp = 'x:%(port)s'", "there is no name"},
		{"$H.http = 'https://x/'", "$H.http = 'ftp://x/'", "only http and https"},
		{"$H.http = 'http://[::1]:8080'", "$H.http = 'http:///ping'", "names no host"},
		{"$H.http = 'http://x:80'", "$H.http = 'http://x:70000'", "is no port"},
		{"$H.http = 'http://x/%%20'", "$H.http = 'http://x/%%zz'", "as a URL"},
		{"$H.command = 'true'", "$H.command = ''", "empty command"},
		{"$H.command = ['true', '']", "$H.command = []", "empty command"},
		{"$H.command = 'a \"b c\"'", "$H.command = 'a \"b c'", "quot"},
		{"$H.watchdog = 1\nnotify = true", "$H.watchdog = 1", "no notify socket"},
		{"$H.watchdog = 0\n$H.silent = 1", "$H.watchdog = '1ms'\nnotify = true", "too short"},
		{"$H.silent = 1", "$H.silent = '999ms'", "too short"},
		{"$H.idle = 1\nnotify = true", "$H.idle = 1", "always be idle"},
		{"$H.idle = 1\njob_pattern = 'x'", "$H.idle = '1ms'\njob_pattern = 'x'", "too short"},
		{"$H.idle = 1\njob_format = 'symfony'", "$H.interval = 5", "nothing is looked at"},
		{"startretries = 0", "startretries = -1", "negative"},
		{"exitcodes = [0, 255]", "exitcodes = [256]", "not between 0 and 255"},
		{"numprocs = 4096", "numprocs = 4097", "cannot run 4097"},
		{"process_name = '" + name + "'", "process_name = '" + name + "n'", "longer than"},
		{"preset = 'laravel'\ncommand = 'queue:work --timeout=60'\nstopwaitsecs = 60", "preset = 'laravel'\ncommand = 'queue:work --timeout=60'\nstopwaitsecs = 59", "--timeout is 1m"},
		{"preset = 'generic'\ncommand = 'queue:work --timeout=60'\nstopwaitsecs = 59", "preset = 'laravel'\ncommand = 'x queue:work'\nstopwaitsecs = 59", "killed after 59s"},
		{"preset = 'laravel'\ncommand = 'x queue:work'\nstopwaitsecs = 60", "preset = 'horizon'\ncommand = 'horizon --timeout 61'\nstopwaitsecs = 60", "--timeout is 1m1s"},
		{"preset = 'laravel'\ncommand = 'x --memory=8'\n$L.memory_max = '8M'", "preset = 'laravel'\ncommand = 'x --memory=9'\n$L.memory_max = '8M'", "own --memory is 9M"},
		{"stdout_logfile = '/tmp/x'\nstderr_logfile = '/tmp/x'", "stdout_logfile = '/tmp/x'\nstderr_logfile = '/tmp/x'\nstderr_logfile_backups = 1", "in two ways"},
		{"stdout_logfile = '/tmp/x'\nstderr_logfile = '/tmp/y'\nstderr_logfile_maxbytes = 1", "stdout_logfile = '/tmp/x'\nstderr_logfile = '/tmp/x'\nstderr_logfile_maxbytes = 1", "in two ways"},
		{"[supervisor]\nsocket = '" + socket + "'", "[supervisor]\nsocket = '" + socket + "s'", "the kernel takes 107"},
		{"[supervisor]\nlog_file = '-'", "[supervisor]\nlog_file = '/nonexistent/x'", "mkdir -p /nonexistent"},
		{"[supervisor]\nlog_file_backups = 0", "[supervisor]\nlog_file_backups = -1", "negative"},
		{"[host]\nmemory_reserve = '16G'", "[host]\nmemory_reserve = 17179869185", "cannot reserve"},
		{"[host]\nmemory_reserve = '15G'\n[programs.y]\ncommand = 'y'\n$L.memory_max = '1G'", "[host]\nmemory_reserve = 16106127361\n[programs.y]\ncommand = 'y'\n$L.memory_max = '1G'", "cannot promise 1G"},
	} {
		if _, warnings, err := readText(t, edge(tc.good)); err != nil || len(warnings) > 0 {
			t.Errorf("%s\nis refused: %v %v", tc.good, err, warnings)
		}
		_, warnings, err := readText(t, edge(tc.bad))
		said := fmt.Sprint(err, warnings)
		if !strings.Contains(said, tc.say) || err == nil && len(warnings) != 1 || err != nil && (len(err.(*Problems).List) != 1 || len(warnings) > 0) {
			t.Errorf("%s\nsays %s, want just %q", tc.bad, said, tc.say)
		}
	}
}

// edge makes a file of a few keys, or of whole tables.
func edge(keys string) string {
	text := strings.NewReplacer("$L", "limits", "$T", "total", "$R", "recycle", "$H", "health").Replace(keys)
	switch {
	case strings.HasPrefix(text, "["):
		return text + "\n[programs.x]\ncommand = 'x'\n"
	case !strings.Contains(strings.ReplaceAll(text, "health.command", ""), "command"):
		text = "command = 'x'\n" + text
	}
	return "[host]\novercommit = 'allow'\n[programs.x]\n" + text
}

// Every mark that a size of "max" leaves is gone from what will run.
func TestMaxMeansNone(t *testing.T) {
	c := mustRead(t, `
[supervisor]
log_file = "/tmp/x"
log_file_maxbytes = "max"
[programs.x]
command = "x"
stdout_logfile = "/tmp/y"
stdout_logfile_maxbytes = "max"
[programs.x.limits]
cpu_max = "max"
pids_max = "max"
memory_max = "max"
[programs.x.recycle]
max_memory = "max"
`)
	p := c.Programs[0]
	got := fmt.Sprint(c.Supervisor.LogFileMaxBytes, p.Instances[0].Stdout.MaxBytes, p.Limits.CPUMax, p.Limits.PidsMax, p.Limits.MemoryMax, p.Recycle.MaxMemory)
	if want := "0 0 0 0 max 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
