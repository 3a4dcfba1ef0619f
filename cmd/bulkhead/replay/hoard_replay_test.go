//go:build replay

package replay

import (
	"syscall"
	"time"
)

// hoarders: converters take memory and give none back, beside monitoring that would rather be
// killed than anybody else, and a web server that stops listening.
func hoarders(r *run) {
	r.start([]program{
		webProgram(r, `health = { http = "http://`+webAddress+`/ping", interval = "1s", timeout = "2s", retries = 2 }`),
		{"monitor", r.role("monitor", r.ledger), 1, 5 * time.Second, "priority = 1"},
		{"converter", r.role("hoard", "converter", r.ledger, 15, 60, 8), 6, 10 * time.Second, `
limits = { memory_max = "240M", oom_score_adj = 500 }
recycle = { max_memory = "160M", min_lifetime = "5s", parallel = 2 }`},
	}, "")
	r.watch(5 * time.Second)
	r.wait(25 * time.Second)
	l := r.readLedger()
	web := l.of("web")
	if pid := web[len(web)-1].pid; syscall.Kill(pid, syscall.SIGUSR1) == nil {
		r.say("the web server stops listening, %d MiB available", r.available()>>20)
	} else {
		r.note("there is no web server that could stop listening")
	}
	r.wait(35 * time.Second)
	r.settle(nil, "web", "monitor")
	if ask() != nil {
		r.note("the web server was not back at the end")
	}
}
