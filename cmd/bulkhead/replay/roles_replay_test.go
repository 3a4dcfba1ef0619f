//go:build replay

package replay

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// named has the kernel know the process by a name, and the ledger. What it returns
// writes the last line and ends.
func named(name, ledger string) (end func()) {
	must(os.WriteFile("/proc/self/comm", []byte(name), 0))
	say := func(word string) {
		f, err := os.OpenFile(ledger, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		must(err)
		_, err = fmt.Fprintf(f, "%s %s %d %d\n", word, name, os.Getpid(), time.Now().UnixMilli())
		must(err)
		must(f.Close())
	}
	say("up")
	return func() {
		say("end")
		os.Exit(0)
	}
}

func asked(sig os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, sig)
	return c
}

// web answers /ping. At SIGUSR1 it stops listening and lives on.
//
// arguments: LEDGER ADDRESS
func web(args []string) {
	term, deaf := asked(syscall.SIGTERM), asked(syscall.SIGUSR1)
	end := named("web", args[0])
	listener, err := net.Listen("tcp", args[1])
	must(err)
	http.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "pong") })
	go func() { _ = http.Serve(listener, nil) }() // ends when the listener is closed
	for {
		select {
		case <-deaf:
			_ = listener.Close() // it was open
		case <-term:
			end()
		}
	}
}

// monitor looks at the host, and would rather be killed than anybody else.
//
// arguments: LEDGER
func monitor(args []string) {
	term := asked(syscall.SIGTERM)
	end := named("monitor", args[0])
	must(os.WriteFile("/proc/self/oom_score_adj", []byte("900"), 0))
	for {
		select {
		case <-time.After(time.Second):
			_, err := os.ReadFile("/proc/meminfo")
			must(err)
		case <-term:
			end()
		}
	}
}

// hoard takes memory and gives none back: so many MB a second until it has so
// many, slower then.
//
// arguments: NAME LEDGER FAST UNTIL SLOW
func hoard(args []string) {
	term := asked(syscall.SIGTERM)
	end := named(args[0], args[1])
	var n [3]float64
	for i := range n {
		var err error
		n[i], err = strconv.ParseFloat(args[2+i], 64)
		must(err)
	}
	began, has := time.Now(), 0
	for {
		select {
		case <-time.After(100 * time.Millisecond):
			// By the clock, however slow the machine is.
			want := n[0] * time.Since(began).Seconds()
			if late := want - n[1]; late > 0 {
				want = n[1] + late/n[0]*n[2]
			}
			for ; has+2 <= int(want); has += 2 {
				take(2)
			}
		case <-term:
			end()
		}
	}
}

// taken is all that take has handed out so far, of the room for it.
var taken, room []byte

// take has so many MB more of memory, for good. Huge pages, where there are some, make it
// quick on an emulated machine.
func take(mb int) {
	if room == nil {
		var err error
		room, err = unix.Mmap(-1, 0, 8<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		must(err)
		must(unix.Madvise(room, unix.MADV_HUGEPAGE))
	}
	from := len(taken)
	taken = room[:from+mb<<20]
	for i := from; i < len(taken); i += 4096 {
		taken[i] = 1
	}
}

// build runs so many parts at once, each of which takes so many MB. It fails when one of them does.
//
// arguments: PARTS MB SECONDS
func build(args []string) {
	must(os.WriteFile("/proc/self/comm", []byte("build"), 0))
	parts, err := strconv.Atoi(args[0])
	must(err)
	self, err := os.Executable()
	must(err)
	all := make([]*exec.Cmd, parts)
	for i := range all {
		all[i] = exec.Command(self, "role", "part", args[1], args[2])
		all[i].Stderr = os.Stderr
		must(all[i].Start())
	}
	code := 0
	for i, part := range all {
		if err := part.Wait(); err != nil {
			fmt.Fprintf(os.Stderr, "build: part %d: %v\n", i, err)
			code = 1
		}
	}
	os.Exit(code)
}

// part takes so many MB in the first half of so many seconds.
//
// arguments: MB SECONDS
func part(args []string) {
	must(os.WriteFile("/proc/self/comm", []byte("part"), 0))
	mb, err := strconv.Atoi(args[0])
	must(err)
	seconds, err := strconv.ParseFloat(args[1], 64)
	must(err)
	pause := time.Duration(seconds / float64(mb) * float64(time.Second))
	for range mb / 2 {
		take(2)
		time.Sleep(pause)
	}
	time.Sleep(time.Duration(seconds / 2 * float64(time.Second)))
}

// thrash keeps less than so many MB available, and reads a file through the page cache, which
// has no room any more.
//
// arguments: MB FILE
func thrash(args []string) {
	must(os.WriteFile("/proc/self/comm", []byte("thrash"), 0))
	must(os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0))
	least, err := strconv.ParseInt(args[0], 10, 64)
	must(err)
	for {
		r, err := readHost()
		must(err)
		if more := r.available>>20 - least; more > 0 {
			take(int(min(more, 16)))
			continue
		}
		_, err = os.ReadFile(args[1])
		must(err)
	}
}
