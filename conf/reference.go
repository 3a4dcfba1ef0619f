package conf

// KeyDoc is what there is to know of one key.
type KeyDoc struct {
	Name    string // memory_max
	Where   string // programs.NAME.limits
	Type    string // size
	Default string // as TOML, or in words where it depends on something; "" for none
	Meaning string // one sentence
}

// The types of values, as Reference names them.
const (
	typeString   = "string"
	typeBool     = "true or false"
	typeInt      = "number"
	typeSize     = "size"
	typeDuration = "duration"
	typeShare    = "percentage"
	typeSignal   = "signal"
	typeCodes    = "list of exit codes"
	typeOctal    = "octal permissions"
	typePairs    = "table of strings, or a string KEY=\"value\",…"
	typeRlimit   = "number, size or \"unlimited\""
)

// Reference returns every key there is, by table, in the order of a good
// config file. Docs are generated from it and unknown keys compared with it.
func Reference() []KeyDoc {
	var all []KeyDoc
	all = append(all, supervisorKeys...)
	all = append(all, serverKeys...)
	all = append(all, hostKeys...)
	all = append(all, pressureKeys...)
	all = append(all, notifyKeys...)
	all = append(all, groupKeys...)
	all = append(all, programKeys...)
	all = append(all, processKeys...)
	all = append(all, in("programs.NAME.limits", cgroupKeys)...)
	all = append(all, limitKeys...)
	all = append(all, in("programs.NAME.total", cgroupKeys)...)
	all = append(all, recycleKeys...)
	all = append(all, healthKeys...)
	all = append(all, listenerKeys...)
	return append(all, fcgiKeys...)
}

func in(where string, keys []KeyDoc) []KeyDoc {
	all := make([]KeyDoc, len(keys))
	for i, key := range keys {
		key.Where = where
		if where == "programs.NAME.total" && (key.Name == "memory_min" || key.Name == "memory_low") {
			key.Default = "the sum of the instances'"
		}
		all[i] = key
	}
	return all
}

var supervisorKeys = []KeyDoc{
	{"socket", "supervisor", typeString, "/run/bulkhead/bulkhead.sock; $XDG_RUNTIME_DIR/bulkhead/bulkhead.sock when not root", "The unix socket that `bulkhead ctl` talks to."},
	{"socket_mode", "supervisor", typeOctal, `"0700"`, "The permissions of the socket: who may control the programs."},
	{"socket_owner", "supervisor", typeString, "as created", "The owner of the socket, as \"user\" or \"user:group\"."},
	{"state_dir", "supervisor", typeString, "/var/lib/bulkhead; $XDG_STATE_HOME/bulkhead or ~/.local/state/bulkhead when not root; a folder in it where socket is not the default", "The directory of what must outlive the supervisor, and of its history of memory, 16 MB at most; each has its own."},
	{"log_file", "supervisor", typeString, "standard error", "The supervisor's own log."},
	{"log_file_maxbytes", "supervisor", typeSize, `"50M"`, "The size at which that log is rotated; 0 never."},
	{"log_file_backups", "supervisor", typeInt, "10", "How many rotated logs are kept; 0 truncates instead."},
	{"log_level", "supervisor", typeString, `"info"`, "What is logged: debug, info, warn or error."},
	{"cgroup", "supervisor", typeString, `"auto"`, "Whether limits are a must: auto uses what there is, require refuses to start without, off leaves cgroups alone."},
	{"orphans", "supervisor", typeString, `"stop"`, "What becomes of running programs that the configuration no longer has when the supervisor starts: stop ends them as an update would, keep leaves them alone."},
	{"include", "supervisor", "list of strings", "[]", "More files with programs, as glob patterns relative to this file."},
	{"environment", "supervisor", typePairs, "{}", "Variables for every program."},
	{"username", "supervisor", typeString, "", "Whom XML-RPC on the socket asks for; together with password."},
	{"password", "supervisor", typeString, "", "The password for it: plain, or {SHA} and the hex of its SHA-1."},
	{"serverurl", "supervisor", typeString, `"AUTO"`, "What programs find in SUPERVISOR_SERVER_URL: AUTO is the socket, an empty string nothing."},
	{"log_style", "supervisor", typeString, `"bulkhead"`, "The words and the form of log lines: bulkhead or supervisord."},
	{"silent", "supervisor", typeBool, "false", "Whether a log of style supervisord is kept from standard output too."},
	{"identifier", "supervisor", typeString, `"supervisor"`, "The name of this supervisor in events, in XML-RPC and in the names of AUTO logs."},
	{"pidfile", "supervisor", typeString, `""`, "A file to write the process number to; empty none."},
	{"childlogdir", "supervisor", typeString, "$TMPDIR or /tmp", "The directory of AUTO logs."},
	{"nocleanup", "supervisor", typeBool, "false", "Whether AUTO logs of an earlier supervisor stay."},
	{"strip_ansi", "supervisor", typeBool, "false", "Whether escape sequences are taken out of output before it is logged."},
	{"user", "supervisor", typeString, "as started", "Whom the supervisor becomes."},
	{"umask", "supervisor", typeOctal, "as started", "The umask of the supervisor when it becomes a daemon."},
	{"directory", "supervisor", typeString, `""`, "Where the supervisor goes when it becomes a daemon; empty stays."},
	{"minfds", "supervisor", typeInt, "0", "The least number of descriptors the supervisor may have open, raised where it is lower; 0 leaves it alone."},
	{"minprocs", "supervisor", typeInt, "0", "The least number of processes its user may have, raised where it is lower; 0 leaves it alone."},
}

var serverKeys = []KeyDoc{
	{"address", serverTable, typeString, "", "Where else XML-RPC is spoken: unix:///path, host:port, or :port for all interfaces."},
	{"mode", serverTable, typeOctal, `"0700"`, "The permissions of a unix socket."},
	{"owner", serverTable, typeString, "as created", "The owner of a unix socket, as \"user\" or \"user:group\"."},
	{"username", serverTable, typeString, "", "Whom it asks for; a must on TCP that is not loopback."},
	{"password", serverTable, typeString, "", "The password for it: plain, or {SHA} and the hex of its SHA-1."},
}

var notifyKeys = []KeyDoc{
	{"events", notifyTable, "list of strings", `["fatal", "oom_killed", "host_oom_killed", "oom_kill", "gave_way", "unhealthy", "unkillable", "outgrown", "trouble"]`, "What is told: kinds of events as `ctl events --json` names them, reasons of an end, and states in lower case."},
	{"programs", notifyTable, "list of strings", "[]", "Whose events are told; empty all, and what concerns no program too."},
	{"command", notifyTable, "string, or list of strings", "", "A command that gets the events as JSON on its standard input; one of command, webhook and sendmail is a must."},
	{"webhook", notifyTable, typeString, "", "An http or https URL that the events are posted to as JSON."},
	{"sendmail", notifyTable, typeString, "", "A mail address, or several with commas between, that get the events by /usr/sbin/sendmail."},
	{"interval", notifyTable, typeDuration, `"1m"`, "How long events are gathered before they are told together."},
	{"limit", notifyTable, typeInt, "20", "How many messages may go out in an hour, 0 any number; what is over waits."},
	{"timeout", notifyTable, typeDuration, `"30s"`, "How long a message may take to go out."},
	{"retries", notifyTable, typeInt, "5", "How often a message that failed is tried again, after 1 s, 2 s, 4 s and so on up to 5 min."},
}

var groupKeys = []KeyDoc{
	{"programs", groupTable, "list of strings", "", "The programs whose instances are named GROUP:INSTANCE; one in several groups has its instances in each."},
	{"priority", groupTable, typeInt, "999", "Lower groups start first and stop last; within one the programs' own priorities count."},
}

var hostKeys = []KeyDoc{
	{"memory_reserve", "host", typeSize, `"5%"`, "The memory never promised to programs: the kernel, ssh and monitoring live in it."},
	{"overcommit", "host", typeString, `"warn"`, "What to do when the programs' memory_max together exceed the rest: warn, deny or allow."},
}

var pressureKeys = []KeyDoc{
	{"hold_below", "host.pressure", typeSize, `"10%"`, "Below so much available memory nothing new is started, and no replacement beside its predecessor; 0 never."},
	{"hold_full", "host.pressure", typeShare, `"5%"`, "The same when all tasks waited for memory for such a share of 10 s; 0 never."},
	{"pause_below", "host.pressure", typeSize, `"7%"`, "Below so much available memory queue workers with a pause signal finish their job and take no other, the least important first; 0 never."},
	{"pause_full", "host.pressure", typeShare, `"10%"`, "The same when all tasks waited for memory for such a share of 10 s; 0 never."},
	{"scale_below", "host.pressure", typeSize, `"5%"`, "Below so much available memory half of the instances of the least important program end in good order; its last one stays; 0 never."},
	{"scale_full", "host.pressure", typeShare, `"20%"`, "The same when all tasks waited for memory for such a share of 10 s; 0 never."},
	{"reclaim_below", "host.pressure", typeSize, `"4%"`, "Below so much available memory page cache that programs hold is taken back; 0 never."},
	{"reclaim_full", "host.pressure", typeShare, `"20%"`, "The same when all tasks waited for memory for such a share of 10 s; 0 never."},
	{"kill_below", "host.pressure", typeSize, `"2%"`, "Below so much available memory the cheapest instance is killed: of the least important, the one furthest over its usual size, then the youngest; 0 never."},
	{"kill_full", "host.pressure", typeShare, `"40%"`, "The same when all tasks waited for memory for such a share of 10 s; 0 never."},
	{"relief", "host.pressure", typeDuration, `"30s"`, "How long the host must be well, by a margin, before one step is undone; the last is undone first."},
}

var programKeys = []KeyDoc{
	{"preset", "programs.NAME", typeString, `"generic"`, "What kind of worker it is, which sets the defaults of other keys: generic, laravel, horizon or symfony-messenger."},
	{"command", "programs.NAME", "string or list of strings", "", "What to run; a string is split into words as a shell does, but no shell runs it."},
	{"process_name", "programs.NAME", typeString, "%(program_name)s, with _%(process_num)02d when numprocs is not 1", "The name of each instance."},
	{"numprocs", "programs.NAME", typeInt, "1", "How many instances there are."},
	{"numprocs_start", "programs.NAME", typeInt, "0", "The process_num of the first instance."},
	{"priority", "programs.NAME", typeInt, "999", "Lower numbers start first and stop last."},
	{"autostart", "programs.NAME", typeBool, "true", "Whether it starts with the supervisor."},
	{"autorestart", "programs.NAME", "true, false or \"unexpected\"", `"unexpected"`, "Whether an instance that ended starts again; unexpected: unless its exit code is in exitcodes."},
	{"startsecs", "programs.NAME", typeDuration, `"1s"`, "How long it must run to count as started."},
	{"startretries", "programs.NAME", typeInt, "never given up", "How many starts may fail in a row before it is FATAL."},
	{"exitcodes", "programs.NAME", typeCodes, "[0]", "The exit codes that are expected."},
	{"recycle_exitcodes", "programs.NAME", typeCodes, "[]", "The exit codes by which a worker recycles itself, however short the run: never a failure."},
	{"self_kill", "programs.NAME", typeBool, "false", "Whether a SIGKILL out of nowhere is the worker's own job timeout and not a crash."},
	{"stopsignal", "programs.NAME", typeSignal, `"TERM"`, "The signal that asks it to end."},
	{"stopwaitsecs", "programs.NAME", typeDuration, `"10s"`, "How long it may take to end before it is killed; with preset laravel 30 seconds more than the command's --timeout."},
	{"stopasgroup", "programs.NAME", typeBool, "false", "Whether the stop signal goes to every process of the instance and not to the main one alone."},
	{"killasgroup", "programs.NAME", typeBool, "as stopasgroup", "Accepted for supervisord's sake: the kill always reaches the whole cgroup."},
	{"leftoverwaitsecs", "programs.NAME", typeDuration, `"2s"`, "How long what outlives the main process may take to end before it is killed."},
	{"pause_signal", "programs.NAME", typeSignal, "cannot be paused", "The signal that makes the worker take no more jobs."},
	{"resume_signal", "programs.NAME", typeSignal, "cannot be resumed", "The signal that makes a paused worker go on."},
}

var processKeys = []KeyDoc{
	{"user", "programs.NAME", typeString, "as the supervisor", "Whom it runs as: a name or number of the user database."},
	{"directory", "programs.NAME", typeString, "as the supervisor", "Its working directory, resolved anew at every start."},
	{"umask", "programs.NAME", typeOctal, "as the supervisor", "Its umask, in octal."},
	{"environment", "programs.NAME", typePairs, "{}", "Variables for this program, over those of [supervisor]."},
	{"env_file", "programs.NAME", typeString, "", "A file of KEY=VALUE lines, read anew at every start."},
	{"redirect_stderr", "programs.NAME", typeBool, "false", "Whether stderr goes where stdout goes."},
	{"stdout_logfile", "programs.NAME", typeString, `"-"`, "Where stdout goes: a file, - for the supervisor's own output, AUTO for a file that is removed at the supervisor's next start, or none."},
	{"stdout_logfile_maxbytes", "programs.NAME", typeSize, `"50M"`, "The size at which that file is rotated; 0 never."},
	{"stdout_logfile_backups", "programs.NAME", typeInt, "10", "How many rotated files are kept; 0 truncates instead."},
	{"stderr_logfile", "programs.NAME", typeString, `"-"`, "Where stderr goes: a file, - for the supervisor's own output, AUTO for a file that is removed at the supervisor's next start, or none."},
	{"stderr_logfile_maxbytes", "programs.NAME", typeSize, `"50M"`, "The size at which that file is rotated; 0 never."},
	{"stderr_logfile_backups", "programs.NAME", typeInt, "10", "How many rotated files are kept; 0 truncates instead."},
	{"stdout_capture_maxbytes", "programs.NAME", typeSize, "0", "How much output between supervisord's tokens is kept for a PROCESS_COMMUNICATION event; 0 no capture."},
	{"stdout_events_enabled", "programs.NAME", typeBool, "false", "Whether stdout is told as PROCESS_LOG events."},
	{"stdout_syslog", "programs.NAME", typeBool, "false", "Whether stdout goes to syslog too."},
	{"stderr_capture_maxbytes", "programs.NAME", typeSize, "0", "The same of stderr."},
	{"stderr_events_enabled", "programs.NAME", typeBool, "false", "Whether stderr is told as PROCESS_LOG events."},
	{"stderr_syslog", "programs.NAME", typeBool, "false", "Whether stderr goes to syslog too."},
	{"stdin", "programs.NAME", typeString, `"null"`, "Where stdin comes from: null, or pipe for one that can be written to."},
	{"serverurl", "programs.NAME", typeString, `"AUTO"`, "What it finds in SUPERVISOR_SERVER_URL: AUTO is that of [supervisor], an empty string nothing."},
	{"notify", "programs.NAME", typeBool, "false", "Whether it gets a socket for READY=1 and JOBS_DONE=n; it is then started when it says READY=1."},
	{"job_format", "programs.NAME", typeString, `"none"`, "How finished jobs are read from the output: none, laravel or symfony."},
	{"job_pattern", "programs.NAME", typeString, `""`, "A regular expression (RE2): each line of output that matches is one finished job."},
}

var cgroupKeys = []KeyDoc{
	{"memory_min", "", typeSize, "none", "Memory that is never taken away, even when the host is out of it."},
	{"memory_low", "", typeSize, "none", "Memory that is taken away only when there is nothing else to take."},
	{"memory_high", "", typeSize, `"max"`, "Above it the kernel throttles and reclaims; nothing is killed."},
	{"memory_max", "", typeSize, `"max"`, "Above it the kernel kills the whole instance."},
	{"memory_swap_max", "", typeSize, `"max"`, "How much of it may be in swap; 0 none."},
	{"cpu_weight", "", typeInt, "the kernel's 100", "Its share of a busy CPU, 1 to 10000."},
	{"cpu_max", "", "percentage or number of CPUs", `"max"`, "How much CPU time it may use: 1.5 or \"150%\" is one and a half CPUs."},
	{"io_weight", "", typeInt, "the kernel's 100", "Its share of a busy disk, 1 to 10000."},
	{"pids_max", "", typeInt, `"max"`, "How many processes and threads it may have."},
}

var limitKeys = []KeyDoc{
	{"oom_score_adj", "programs.NAME.limits", typeInt, "0", "How willingly the kernel kills it when the host is out of memory: -1000 never, 1000 first."},
	{"oom_score_keep", "programs.NAME.limits", typeBool, "true", "Whether a process of it that changes its own oom_score_adj is put back to this one."},
	{"nice", "programs.NAME.limits", typeInt, "0", "Its nice value, -20 to 19."},
	{"nofile", "programs.NAME.limits", typeRlimit, "as the supervisor", "How many descriptors it may have open."},
	{"nproc", "programs.NAME.limits", typeRlimit, "as the supervisor", "How many processes its user may have; pids_max is nearly always what is meant."},
	{"core", "programs.NAME.limits", typeRlimit, "as the supervisor", "The largest core file in bytes; 0 none."},
	{"memlock", "programs.NAME.limits", typeRlimit, "as the supervisor", "How much memory it may lock."},
	{"stack", "programs.NAME.limits", typeRlimit, "as the supervisor", "The largest stack of its main thread."},
}

var recycleKeys = []KeyDoc{
	{"max_jobs", "programs.NAME.recycle", typeInt, "0", "Recycle after so many finished jobs; 0 never."},
	{"max_memory", "programs.NAME.recycle", typeSize, "0", "Recycle above so much memory that only the process can give back; 0 never."},
	{"max_age", "programs.NAME.recycle", typeDuration, "0", "Recycle after so long; 0 never."},
	{"jitter", "programs.NAME.recycle", typeShare, `"10%"`, "The share of max_jobs and max_age that is drawn away, once per run, so that not all are due at once."},
	{"min_lifetime", "programs.NAME.recycle", typeDuration, `"10s"`, "No run is recycled before that."},
	{"parallel", "programs.NAME.recycle", typeInt, "1", "How many instances of the program may be recycling at once."},
	{"overlap", "programs.NAME.recycle", typeBool, "false", "Whether the replacement starts first, when the budget allows it."},
	{"when_available_below", "programs.NAME.recycle", typeSize, "0", "Recycle when the host has less memory available: for services that give none back; 0 never."},
	{"cooldown", "programs.NAME.recycle", typeDuration, `"10m"`, "At most one recycle for when_available_below in so long."},
}

var healthKeys = []KeyDoc{
	{"http", "programs.NAME.health", typeString, "", "A URL that must be answered with a status of 200 to 399; redirects are not followed, certificates not judged."},
	{"tcp", "programs.NAME.health", typeString, "", "A host:port that must take a connection; that whoever listens also answers only http tells."},
	{"command", "programs.NAME.health", "string or list of strings", "", "A command that must end with exit code 0; it runs as the program's user, with its environment, in the instance's cgroup, through no shell."},
	{"interval", "programs.NAME.health", typeDuration, `"10s"`, "The time from the end of one check to the next; right after a start it is shorter."},
	{"timeout", "programs.NAME.health", typeDuration, `"5s"`, "How long each of http, tcp and command may take."},
	{"retries", "programs.NAME.health", typeInt, "3", "How many checks must fail in a row until the instance is restarted as unhealthy."},
	{"start", "programs.NAME.health", typeDuration, `"30s"`, "How long after it is up nothing counts against it; its first success ends that for checks."},
	{"watchdog", "programs.NAME.health", typeDuration, "0", "The longest time between two WATCHDOG=1 on the notify socket, which the program finds in WATCHDOG_USEC; 0 any."},
	{"silent", "programs.NAME.health", typeDuration, "0", "The longest time without a byte of output; 0 any."},
	{"idle", "programs.NAME.health", typeDuration, "0", "The longest time without a finished job, for workers that always have some; 0 any."},
}

var listenerKeys = []KeyDoc{
	{"events", "programs.NAME.listener", "list of strings", "", "The types of events an event listener wants; they come on its stdin and are answered on its stdout."},
	{"buffer_size", "programs.NAME.listener", typeInt, "10", "How many events wait for a listener; one more drops the oldest."},
	{"result_handler", "programs.NAME.listener", typeString, `"supervisor.dispatchers:default_handler"`, "What judges an answer; there is only this one."},
}

var fcgiKeys = []KeyDoc{
	{"socket", "programs.NAME.fcgi", typeString, "", "The listening socket that all instances of a FastCGI program have as stdin: unix:///path or tcp://host:port."},
	{"socket_backlog", "programs.NAME.fcgi", typeInt, "0", "How many connections may wait; 0 the kernel's most."},
	{"socket_owner", "programs.NAME.fcgi", typeString, "the program's user", "The owner of a unix socket, as \"user\" or \"user:group\"."},
	{"socket_mode", "programs.NAME.fcgi", typeOctal, `"0700"`, "The permissions of a unix socket."},
}
