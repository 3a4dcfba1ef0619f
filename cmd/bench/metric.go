package main

// metric is one table: what a work has measured.
type metric struct {
	name  string // in the book
	work  string
	title string
	unit  string
	share float64 // of the sample
	note  string
}

var metrics = []metric{
	{"start", "start", "Start, until all run", "ms", 0.5, "From the exec of the supervisor to the first instruction of the last worker."},
	{"idle cpu", "idle", "CPU time while idle", "ms/s", 0.5, "Supervisor and helpers, CPU clock of the processes."},
	{"wake-ups", "idle", "Wake-ups while idle", "/s", 0.5, "Voluntary context switches of all threads of the supervisor and its helpers."},
	{"pss", "memory", "Proportional memory (Pss)", "MiB", 0.5, "Supervisor and helpers, without the workers."},
	{"rss", "memory", "Resident memory (Rss)", "MiB", 0.5, "The same; pages that processes share count in each of them."},
	{"processes", "memory", "Processes of the supervisor", "", 0.5, ""},
	{"status", "status", "Status of all", "ms", 0.5, "The client's whole process. s6-svstat takes one service: a shell runs it for each."},
	{"crowd", "crowd", "Status of all by 100 clients at once", "ms", 0.5, "From the first one's start to the last one's end."},
	{"crash", "crash", "Child killed to its replacement's exec, median", "ms", 0.5, "SIGKILL; each instance once a session."},
	{"crash", "crash", "Child killed to its replacement's exec, 99 of 100", "ms", 0.99, "The same sample."},
	{"storm", "storm", "Restart of 200 at once", "ms", 0.5, "From the order to the first instruction of the last replacement."},
	{"stop", "stop", "Stop of all", "ms", 0.5, "From the order to the end of the last worker and of the client. s6: its whole tree at once (s6-svscanctl -t)."},
	{"log1", "log1", "Log throughput, one noisy child", "MB/s", 0.5, "Until the file has every byte."},
	{"log1 cpu", "log1", "CPU time of the supervisor and its loggers, one noisy child", "s/GB", 0.5, ""},
	{"log50", "log50", "Log throughput, 50 noisy children", "MB/s", 0.5, "All together, until the files have every byte."},
	{"log50 cpu", "log50", "CPU time of the supervisor and its loggers, 50 noisy children", "s/GB", 0.5, ""},
}
