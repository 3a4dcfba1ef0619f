//go:build replay

package replay

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// The third outage: numprocs as it should be, and with a slip of the finger.
const (
	rightCount = 6
	wrongCount = 90
	crewStop   = 10 * time.Second // stopwaitsecs
)

// count: numprocs is set far too high, and the configuration is loaded. Then all are
// restarted, then stopped while somebody else keeps the host out of memory.
func count(r *run) {
	programs := func(size int, limits string) []program {
		return []program{webProgram(r, ""), {"crew", r.role("hoard", "crew", r.ledger, 10, 32, 0), size, crewStop, limits}}
	}
	const limited, deny, warn = `limits = { memory_max = "64M" }`, "[host]\novercommit = \"deny\"", "[host]\novercommit = \"warn\""
	r.start(programs(rightCount, limited), deny)
	r.watch(5 * time.Second)

	r.configure(programs(wrongCount, limited), deny)
	out, code := r.ctl(90*time.Second, "update")
	r.say("update: code %d: %s", code, lastLines(out, 3))
	if r.bulkhead() {
		if code == 0 {
			r.fault("an update to %d instances of 64M was not refused: %s", wrongCount, out)
		}
		r.note("overcommit = \"deny\" refuses %d instances: %s", wrongCount, lastLines(out, 1))
		r.counted(rightCount, 0)
		r.configure(programs(wrongCount, ""), warn) // somebody who will not be told
		out, code = r.ctl(90*time.Second, "update")
		r.note("an update that is not to be refused ends with code %d: %s", code, lastLines(out, 1))
	}
	r.wait(20 * time.Second)
	if r.bulkhead() {
		r.counted(0, 1)
	}
	begun := time.Now()
	_, code = r.ctl(90*time.Second, "restart", "crew:*")
	r.note("restart: code %d after %v", code, brief(time.Since(begun)))
	r.wait(10 * time.Second)

	quit := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.squeeze(quit)
	}()
	r.wait(8 * time.Second)
	begun = time.Now()
	out, code = r.ctl(90*time.Second, "stop", "crew:*")
	took := time.Since(begun)
	r.note("stop of all while the host is out of memory: code %d after %v, %d lines", code, brief(took), strings.Count(out, "\n"))
	close(quit)
	<-gone
	if r.bulkhead() && (code != 0 || took > 2*crewStop) {
		r.fault("stop took %v and ended with code %d, want at most twice the stopwaitsecs of %v: %s", brief(took), code, crewStop, lastLines(out, 3))
	}
	r.wait(3 * time.Second)
	r.settle(nil, "web") // of the crew some may be killed: by the stop, and as those that matter least
}

// counted compares what status says with the processes that there are: so many shall run,
// or any number, and at least so many be held back.
func (r *run) counted(running, held int) {
	out, _ := r.ctl(30*time.Second, "status", "crew:*")
	n, h := 0, 0
	for line := range strings.Lines(out) {
		switch {
		case strings.Contains(line, " RUNNING ") || strings.Contains(line, " STARTING "):
			n++
		case strings.Contains(line, "held back"):
			h++
		}
	}
	l := r.readLedger()
	there := 0
	for _, x := range l.of("crew") {
		if !x.ended && alive(x.pid) {
			there++
		}
	}
	r.note("status has %d instances running and %d held back, and there are %d processes", n, h, there)
	if running > 0 && n != running || h < held || there > n {
		r.fault("want %s running and at least %d held back: %s", fmt.Sprint(running), held, lastLines(out, 5))
	}
}

// squeeze keeps the host out of memory until quit is closed.
func (r *run) squeeze(quit chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-quit
		cancel()
	}()
	for ctx.Err() == nil && !r.down() {
		// Whoever kills it, the next one takes what there is.
		_ = r.command(ctx, operator, 0, strings.Fields(r.role("thrash", 24, os.Getenv(originKey)))...).Run()
	}
}
