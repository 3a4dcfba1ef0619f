package conf

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// validate holds every rule about resolved values; what a single value may be
// is decided where it is decoded (values.go, units.go).
func (res *resolver) validate(c *Config) {
	res.checkSupervisor(c)
	if len(c.Programs) == 0 && len(res.problems) == 0 {
		res.warn(place{res.main, nil}, faultf("write a table [programs.NAME]", "there is no program"))
	}
	logs := newLogChecker(res)
	logs.check(place{res.main, []string{"supervisor"}}, "log_file",
		LogTarget{c.Supervisor.LogFile, c.Supervisor.LogFileMaxBytes, c.Supervisor.LogFileBackups})
	for _, p := range c.Programs {
		v := &checker{res: res, src: p.src, p: p}
		v.command()
		v.numbers()
		v.jobs()
		v.channels()
		v.user()
		v.limits()
		v.recycle()
		v.health()
		v.worker()
		logs.program(p)
	}
	res.checkBudget(c)
}

var (
	cgroupModes = []string{string(CgroupAuto), string(CgroupRequire), string(CgroupOff)}
	orphanModes = []string{string(OrphansStop), string(OrphansKeep)}
	logStyles   = []string{"bulkhead", "supervisord"}
	logLevels   = []string{"debug", "info", "warn", "error"}
	overcommits = []string{"warn", "deny", "allow"}
	profiles    = []string{Strict, Permissive}
	jobFormats  = []string{"none", "laravel", "symfony"}
)

// maxSocketPath is what sun_path holds less its final NUL
// (UNIX_PATH_MAX, include/uapi/linux/un.h).
const maxSocketPath = 107

func (res *resolver) checkSupervisor(c *Config) {
	at := place{res.main, []string{"supervisor"}}
	host := place{res.main, []string{"host"}}
	res.oneOf(at.at("cgroup"), string(c.Supervisor.Cgroup), cgroupModes)
	res.oneOf(at.at("orphans"), string(c.Supervisor.Orphans), orphanModes)
	res.oneOf(at.at("log_level"), c.Supervisor.LogLevel, logLevels)
	res.checkPlaces(at, c)
	res.oneOf(at.at("log_style"), c.Supervisor.LogStyle, logStyles)
	res.checkServers(c)
	res.oneOf(host.at("overcommit"), c.Host.Overcommit, overcommits)
	res.oneOf(host.at("profile"), c.Host.Profile, profiles)
	for key, path := range map[string]string{"socket": c.Supervisor.Socket, "state_dir": c.Supervisor.StateDir} {
		if path == "" && !res.bad[at.at(key).key()] {
			res.problem(at.at(key), faultf("write a path, or leave the key out", "cannot use an empty path"))
		}
	}
	if s := c.Supervisor.Socket; len(s) > maxSocketPath {
		res.problem(at.at("socket"), faultf("write a shorter path",
			"cannot use %q as a socket: its path is %d bytes long and the kernel takes %d", s, len(s), maxSocketPath))
	}
	for key, n := range map[string]int{
		"log_file_backups": c.Supervisor.LogFileBackups, "minfds": c.Supervisor.MinFDs, "minprocs": c.Supervisor.MinProcs,
	} {
		if n < 0 {
			res.problem(at.at(key), negative(n))
		}
	}
	if c.Host.MemoryTotal > 0 && c.Host.MemoryReserve > c.Host.MemoryTotal {
		res.problem(host.at("memory_reserve"), faultf("write 5% or 512M", "cannot reserve %v: this host has %v of memory",
			c.Host.MemoryReserve, c.Host.MemoryTotal))
	}
}

func (res *resolver) oneOf(at place, word string, words []string) {
	if !slices.Contains(words, word) {
		res.problem(at, unknownWord(at.path[len(at.path)-1], word, words...))
	}
}

func unknownWord(what, word string, words ...string) *fault {
	last := len(words) - 1
	hint := "write " + strings.Join(words[:last], ", ") + " or " + words[last]
	if near := nearest(word, slices.Clone(words)); near != "" {
		hint = "write " + near
	}
	return faultf(hint, "unknown %s %q", what, word)
}

func negative(n int) *fault { return faultf("write 0 or more", "cannot use %d: it is negative", n) }

// checkBudget compares what is promised with what there is. What programs without a limit
// are known to need only warns: a config that was good is not to keep a host's programs
// from being started.
func (res *resolver) checkBudget(c *Config) {
	t := Budget(c)
	exceeded := t.Exceeded()
	if !exceeded && res.env.Needs != nil {
		t = t.Needing(res.env.Needs(c.Supervisor.StateDir))
	}
	if !t.Exceeded() {
		return
	}
	at := place{res.main, []string{"host", "overcommit"}}
	f := faultf("lower numprocs or memory_max", "%s", t.Explain())
	switch {
	case c.Host.Overcommit == "deny" && exceeded:
		res.problem(at, f)
	case c.Host.Overcommit != "allow":
		res.warn(at, f)
	}
}

// checker holds the rules for one program.
type checker struct {
	res *resolver
	src *source
	p   Program
}

func (v *checker) problem(f *fault, keys ...string) { v.res.problem(v.src.at.at(keys...), f) }
func (v *checker) warn(f *fault, keys ...string)    { v.res.warn(v.src.at.at(keys...), f) }
func (v *checker) bad(keys ...string) bool          { return v.res.bad[v.src.at.at(keys...).key()] }

func (v *checker) command() {
	const hint = `write command = "php artisan queue:work"`
	if v.bad("command") || v.bad() {
		return
	}
	if v.src.raw.Command == nil {
		v.problem(faultf(hint, "the command is missing"))
		return
	}
	for _, in := range v.p.Instances {
		if len(in.Argv) == 0 || in.Argv[0] == "" {
			v.problem(faultf(hint, "cannot run an empty command"), "command")
			return
		}
	}
}

// numbers checks the ranges of whole numbers.
func (v *checker) numbers() {
	raw := v.src.raw
	for _, n := range []struct {
		key   string
		value *whole
	}{
		{"startretries", v.src.given.StartRetries},
		{"numprocs_start", raw.NumProcsStart},
		{"stdout_logfile_backups", raw.StdoutBackups},
		{"stderr_logfile_backups", raw.StderrBackups},
	} {
		if n.value != nil && *n.value < 0 {
			v.problem(negative(int(*n.value)), n.key)
		}
	}
	const weight = "the kernel's own is 100"
	v.between(v.src.given.Limits.CPUWeight, 1, 10000, weight, "limits", "cpu_weight")
	v.between(v.src.given.Limits.IOWeight, 1, 10000, weight, "limits", "io_weight")
	v.between(v.src.given.Total.CPUWeight, 1, 10000, weight, "total", "cpu_weight")
	v.between(v.src.given.Total.IOWeight, 1, 10000, weight, "total", "io_weight")
	v.between(raw.Limits.OOMScoreAdj, -1000, 1000, "500 makes it a likely victim", "limits", "oom_score_adj")
	v.between(raw.Limits.Nice, -20, 19, "19 is the nicest", "limits", "nice")
}

func (v *checker) between(n *whole, low, high int, why string, keys ...string) {
	if n != nil && (int(*n) < low || int(*n) > high) {
		v.problem(faultf(fmt.Sprintf("write a number from %d to %d; %s", low, high, why), "cannot use %d: out of range", *n), keys...)
	}
}

func (v *checker) jobs() {
	v.res.oneOf(v.src.at.at("job_format"), v.p.JobFormat, jobFormats)
	if _, err := regexp.Compile(v.p.JobPattern); err != nil {
		v.problem(faultf("see https://golang.org/s/re2syntax", "cannot use %q as a regular expression: %v", v.p.JobPattern, reason(err)), "job_pattern")
	}
	if v.p.JobPattern != "" && v.p.JobFormat != "none" && !v.bad("job_format") {
		v.problem(faultf("keep one of them", "cannot count jobs by a pattern and by job_format = %q at once", v.p.JobFormat), "job_pattern")
	}
	if v.p.Recycle.MaxJobs > 0 && v.p.JobPattern == "" && v.p.JobFormat == "none" && !v.p.Notify {
		v.warn(faultf(`set job_format, job_pattern or notify = true`, "nothing counts the jobs of this program, so max_jobs is never reached"), "recycle", "max_jobs")
	}
}

func (v *checker) user() {
	if uid := v.res.env.UID; v.p.User != nil && uid != 0 && int(v.p.User.UID) != uid {
		v.warn(faultf("run the supervisor as root, or leave user out", "only root can run a program as %q", v.p.User.Name), "user")
	}
	if v.src.given.Stderr != nil && v.p.Instances != nil && bool(*v.src.raw.RedirectStderr) {
		v.warn(faultf("leave one of them out", "with redirect_stderr = true this file is not used"), "stderr_logfile")
	}
}

// worker compares the program's keys with the options of its own command.
func (v *checker) worker() {
	if v.p.Preset != "laravel" && v.p.Preset != "horizon" || len(v.p.Instances) == 0 || v.bad("stopwaitsecs") {
		return
	}
	argv := v.p.Instances[0].Argv
	timeout, given := workerTimeout(argv)
	if given && v.p.StopWait < timeout {
		key := "command"
		if v.src.given.StopWait != nil {
			key = "stopwaitsecs"
		}
		v.problem(faultf(fmt.Sprintf("write stopwaitsecs = %q", short(timeout+30*time.Second)),
			"cannot stop within %v: the command's own --timeout is %v, so a job would be killed that is allowed to go on", short(v.p.StopWait), short(timeout)), key)
	}
	if !given && v.p.StopWait < time.Minute && slices.Contains(argv, "queue:work") {
		v.warn(faultf(`write stopwaitsecs = "90s", or --timeout in the command`,
			"queue:work lets a job go on for 60s unless --timeout says otherwise, and is killed after %v", short(v.p.StopWait)), "stopwaitsecs")
	}
	if v.p.StopAsGroup && v.p.Preset == "laravel" { // Horizon passes it on itself
		v.warn(faultf("leave stopasgroup out", "the stop signal reaches the job's own subprocesses too, and so breaks the job that it lets end"), "stopasgroup")
	}
	if memory, ok := workerMemory(argv); ok && memory > v.p.Limits.MemoryMax {
		v.warn(faultf("lower --memory or raise memory_max",
			"the command's own --memory is %v: the kernel kills the worker at %v before it ends itself", memory, v.p.Limits.MemoryMax), "limits", "memory_max")
	}
}

// reason is the message of a regexp error without the pattern's repetition.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}
