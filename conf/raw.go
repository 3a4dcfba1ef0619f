package conf

// The raw structs are the TOML as it is written: one pointer per key, nil
// where the file does not set it. A preset and the defaults are raw programs
// too, and fill what is nil.

type rawFile struct {
	Supervisor rawSupervisor          `toml:"supervisor"`
	Host       rawHost                `toml:"host"`
	Notify     []rawNotify            `toml:"notify"`
	Groups     map[string]*rawGroup   `toml:"groups"`
	Programs   map[string]*rawProgram `toml:"programs"`
}

type rawSupervisor struct {
	Socket          *text  `toml:"socket"`
	SocketMode      *octal `toml:"socket_mode"`
	SocketOwner     *text  `toml:"socket_owner"`
	StateDir        *text  `toml:"state_dir"`
	LogFile         *text  `toml:"log_file"`
	LogFileMaxBytes *size  `toml:"log_file_maxbytes"`
	LogFileBackups  *whole `toml:"log_file_backups"`
	LogLevel        *text  `toml:"log_level"`
	Cgroup          *text  `toml:"cgroup"`
	Orphans         *text  `toml:"orphans"`
	Include         *texts `toml:"include"`
	Environment     *pairs `toml:"environment"`

	Username    *text       `toml:"username"`
	Password    *text       `toml:"password"`
	Servers     []rawServer `toml:"servers"`
	ServerURL   *text       `toml:"serverurl"`
	LogStyle    *text       `toml:"log_style"`
	Silent      *toggle     `toml:"silent"`
	Identifier  *text       `toml:"identifier"`
	PidFile     *text       `toml:"pidfile"`
	ChildLogDir *text       `toml:"childlogdir"`
	NoCleanup   *toggle     `toml:"nocleanup"`
	StripANSI   *toggle     `toml:"strip_ansi"`
	User        *text       `toml:"user"`
	Umask       *octal      `toml:"umask"`
	Directory   *text       `toml:"directory"`
	MinFDs      *whole      `toml:"minfds"`
	MinProcs    *whole      `toml:"minprocs"`
}

// rawServer is one [[supervisor.servers]].
type rawServer struct {
	Address  *text  `toml:"address"`
	Mode     *octal `toml:"mode"`
	Owner    *text  `toml:"owner"`
	Username *text  `toml:"username"`
	Password *text  `toml:"password"`
}

// rawNotify is one [[notify]].
type rawNotify struct {
	Events   *texts   `toml:"events"`
	Programs *texts   `toml:"programs"`
	Command  *command `toml:"command"`
	Webhook  *text    `toml:"webhook"`
	Sendmail *text    `toml:"sendmail"`
	Interval *span    `toml:"interval"`
	Limit    *whole   `toml:"limit"`
	Timeout  *span    `toml:"timeout"`
	Retries  *whole   `toml:"retries"`
}

type rawGroup struct {
	Programs *texts `toml:"programs"`
	Priority *whole `toml:"priority"`
}

type rawHost struct {
	MemoryReserve *size       `toml:"memory_reserve"`
	Overcommit    *text       `toml:"overcommit"`
	Profile       *text       `toml:"profile"`
	Pressure      rawPressure `toml:"pressure"`
}

type rawPressure struct {
	HoldBelow    *size  `toml:"hold_below"`
	HoldFull     *share `toml:"hold_full"`
	PauseBelow   *size  `toml:"pause_below"`
	PauseFull    *share `toml:"pause_full"`
	ScaleBelow   *size  `toml:"scale_below"`
	ScaleFull    *share `toml:"scale_full"`
	ReclaimBelow *size  `toml:"reclaim_below"`
	ReclaimFull  *share `toml:"reclaim_full"`
	KillBelow    *size  `toml:"kill_below"`
	KillFull     *share `toml:"kill_full"`
	Relief       *span  `toml:"relief"`
}

type rawProgram struct {
	Preset        *text    `toml:"preset"`
	Command       *command `toml:"command"`
	ProcessName   *text    `toml:"process_name"`
	NumProcs      *whole   `toml:"numprocs"`
	NumProcsStart *whole   `toml:"numprocs_start"`
	Priority      *whole   `toml:"priority"`
	Profile       *text    `toml:"profile"`

	AutoStart    *toggle  `toml:"autostart"`
	AutoRestart  *restart `toml:"autorestart"`
	StartSecs    *span    `toml:"startsecs"`
	StartRetries *whole   `toml:"startretries"`
	ExitCodes    *codes   `toml:"exitcodes"`
	RecycleCodes *codes   `toml:"recycle_exitcodes"`
	SelfKill     *toggle  `toml:"self_kill"`

	StopSignal   *signal `toml:"stopsignal"`
	StopWait     *span   `toml:"stopwaitsecs"`
	StopAsGroup  *toggle `toml:"stopasgroup"`
	KillAsGroup  *toggle `toml:"killasgroup"`
	LeftoverWait *span   `toml:"leftoverwaitsecs"`
	PauseSignal  *signal `toml:"pause_signal"`
	ResumeSignal *signal `toml:"resume_signal"`

	User        *text  `toml:"user"`
	Directory   *text  `toml:"directory"`
	Umask       *octal `toml:"umask"`
	Environment *pairs `toml:"environment"`
	EnvFile     *text  `toml:"env_file"`

	RedirectStderr *toggle `toml:"redirect_stderr"`
	Stdout         *text   `toml:"stdout_logfile"`
	StdoutMaxBytes *size   `toml:"stdout_logfile_maxbytes"`
	StdoutBackups  *whole  `toml:"stdout_logfile_backups"`
	Stderr         *text   `toml:"stderr_logfile"`
	StderrMaxBytes *size   `toml:"stderr_logfile_maxbytes"`
	StderrBackups  *whole  `toml:"stderr_logfile_backups"`
	StdoutCapture  *size   `toml:"stdout_capture_maxbytes"`
	StdoutEvents   *toggle `toml:"stdout_events_enabled"`
	StdoutSyslog   *toggle `toml:"stdout_syslog"`
	StderrCapture  *size   `toml:"stderr_capture_maxbytes"`
	StderrEvents   *toggle `toml:"stderr_events_enabled"`
	StderrSyslog   *toggle `toml:"stderr_syslog"`
	Stdin          *text   `toml:"stdin"`
	ServerURL      *text   `toml:"serverurl"`

	Notify     *toggle `toml:"notify"`
	JobFormat  *text   `toml:"job_format"`
	JobPattern *text   `toml:"job_pattern"`

	Listener rawListener `toml:"listener"`
	Fcgi     rawFcgi     `toml:"fcgi"`
	Limits   rawLimits   `toml:"limits"`
	Total    rawCgroup   `toml:"total"`
	Recycle  rawRecycle  `toml:"recycle"`
	Health   rawHealth   `toml:"health"`
}

type rawListener struct {
	Events     *texts `toml:"events"`
	BufferSize *whole `toml:"buffer_size"`
	Handler    *text  `toml:"result_handler"`
}

type rawFcgi struct {
	Socket  *text  `toml:"socket"`
	Backlog *whole `toml:"socket_backlog"`
	Owner   *text  `toml:"socket_owner"`
	Mode    *octal `toml:"socket_mode"`
}

// rawLimits are the keys of an instance: its cgroup's and its process's.
type rawLimits struct {
	rawCgroup
	OOMScoreAdj  *whole  `toml:"oom_score_adj"`
	OOMScoreKeep *toggle `toml:"oom_score_keep"`
	Nice         *whole  `toml:"nice"`
	NoFile       *amount `toml:"nofile"`
	NProc        *amount `toml:"nproc"`
	Core         *amount `toml:"core"`
	MemLock      *amount `toml:"memlock"`
	Stack        *amount `toml:"stack"`
}

type rawHealth struct {
	HTTP     *text    `toml:"http"`
	TCP      *text    `toml:"tcp"`
	Command  *command `toml:"command"`
	Interval *span    `toml:"interval"`
	Timeout  *span    `toml:"timeout"`
	Retries  *whole   `toml:"retries"`
	Start    *span    `toml:"start"`
	Watchdog *span    `toml:"watchdog"`
	Silent   *span    `toml:"silent"`
	Idle     *span    `toml:"idle"`
}

type rawCgroup struct {
	MemoryMin     *size  `toml:"memory_min"`
	MemoryLow     *size  `toml:"memory_low"`
	MemoryHigh    *size  `toml:"memory_high"`
	MemoryMax     *size  `toml:"memory_max"`
	MemorySwapMax *size  `toml:"memory_swap_max"`
	CPUWeight     *whole `toml:"cpu_weight"`
	CPUMax        *cpus  `toml:"cpu_max"`
	IOWeight      *whole `toml:"io_weight"`
	PidsMax       *pids  `toml:"pids_max"`
}

type rawRecycle struct {
	MaxJobs     *whole  `toml:"max_jobs"`
	MaxMemory   *size   `toml:"max_memory"`
	MaxAge      *span   `toml:"max_age"`
	Jitter      *share  `toml:"jitter"`
	MinLifetime *span   `toml:"min_lifetime"`
	Parallel    *whole  `toml:"parallel"`
	Overlap     *toggle `toml:"overlap"`
	Burst       *share  `toml:"burst"`
	BurstTime   *span   `toml:"burst_time"`

	WhenAvailableBelow *size `toml:"when_available_below"`
	Cooldown           *span `toml:"cooldown"`
}
