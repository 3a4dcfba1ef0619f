package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// worker is what a queue worker is to its supervisor: it takes a job, prints
// RUNNING and DONE as Laravel's queue:work does, and, told to end, finishes
// the job in hand first. Unlike most it leaks on purpose.
type worker struct {
	class   string        // of its jobs
	take    time.Duration // that a job takes
	leak    int           // bytes each job keeps
	balloon int           // bytes the one job that goes wrong wants
	after   int           // jobs before that one
	once    string        // file that keeps it from going wrong twice
	kept    [][]byte
}

func runWorker(args []string) int {
	w := &worker{}
	flags := flag.NewFlagSet("demo worker", flag.ContinueOnError)
	flags.StringVar(&w.class, "class", "Job", "the jobs' `NAME`")
	flags.DurationVar(&w.take, "take", 500*time.Millisecond, "how long a job takes")
	flags.IntVar(&w.leak, "leak", 0, "`BYTES` that each job leaks")
	flags.IntVar(&w.balloon, "balloon", 0, "`BYTES` that one job takes at once")
	flags.IntVar(&w.after, "after", 0, "`JOBS` before that one")
	flags.StringVar(&w.once, "once", "", "`FILE` made by the first worker that balloons: only one does")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	for n := 1; ; n++ {
		w.job(n)
		select {
		case <-term:
			return 0
		default:
		}
	}
}

// job does one job. Its name is unique, so that the log tells what became of it.
func (w *worker) job(n int) {
	name := fmt.Sprintf("%s %d/%d", w.class, os.Getpid(), n)
	started := time.Now()
	fmt.Println(jobLine(started, name, "RUNNING"))
	if w.balloon > 0 && n > w.after && w.first() {
		w.inflate()
	}
	time.Sleep(w.take / 2)
	if w.leak > 0 {
		w.kept = append(w.kept, touched(w.leak))
	}
	time.Sleep(w.take / 2)
	fmt.Println(jobLine(time.Now(), name, fmt.Sprintf("%.2fms DONE", time.Since(started).Seconds()*1000)))
}

// first reports whether no other worker has ballooned yet.
func (w *worker) first() bool {
	f, err := os.OpenFile(w.once, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

const (
	breath   = 4 << 20 // the balloon grows by this
	breathe  = 60 * time.Millisecond
	holdMost = 10 * time.Second // sampling may need a moment to find it
)

// inflate takes memory until somebody ends that, or all that it wants: a
// machine that has nobody to end it must survive the demo too.
func (w *worker) inflate() {
	for got := 0; got < w.balloon; got += breath {
		w.kept = append(w.kept, touched(breath))
		time.Sleep(breathe)
	}
	time.Sleep(holdMost)
}

// touched is memory that is really there: a page that was never written costs
// nothing.
func touched(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 512 {
		b[i] = 1
	}
	return b
}

// jobLine is a line of queue:work as Laravel 11 prints it.
func jobLine(at time.Time, name, end string) string {
	const width = 78
	left := "  " + at.Format("2006-01-02 15:04:05") + " " + name + " "
	return left + strings.Repeat(".", max(width-len(left)-len(end)-1, 3)) + " " + end
}
