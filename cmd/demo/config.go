package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	mebi = 1 << 20

	mailJobs    = 16        // max_jobs of mail
	reportLine  = 32 * mebi // max_memory of report
	reportMax   = 96 * mebi
	reportLeak  = 5 * mebi
	importMax   = 48 * mebi
	importWants = 72 * mebi // what the job that goes wrong would take
)

// place is the temporary directory that everything lives in.
type place struct {
	dir string
}

func newPlace() (place, error) {
	dir, err := os.MkdirTemp("", "bulkhead-demo-")
	if err == nil && len(dir) > 80 { // a unix socket's path holds 107 bytes
		os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "bulkhead-demo-")
	}
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return place{}, fmt.Errorf("cannot make a temporary directory: %v", err)
	}
	return place{dir}, nil
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }
func (p place) config() string          { return p.file("bulkhead.toml") }
func (p place) socket() string          { return p.file("bulkhead.sock") }
func (p place) state() string           { return p.file("state") }
func (p place) log() string             { return p.file("bulkhead.log") }

// jobLog is the output of one program's workers.
func (p place) jobLog(program string) string { return p.file(program + ".log") }

// forget removes what a supervisor has written down. The next one would go on
// with its run numbers and reasons, and show ends that nobody has seen.
func (p place) forget() error {
	if err := os.RemoveAll(p.state()); err != nil {
		return fmt.Errorf("cannot remove the state of the first supervisor: %v", err)
	}
	return nil
}

// command is one program's, as a TOML array.
func command(exe string, args ...string) string {
	words := append([]string{exe, "worker"}, args...)
	for i, w := range words {
		words[i] = quoted(w)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// quoted is a TOML string in which nothing is expanded.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}

// program is one table of the demo's configuration: what is worth showing, and
// the rest.
type program struct {
	name  string
	about string
	shown []string
	plain []string
}

// cast is all programs.
func cast(exe string, p place) []program {
	take := func(d time.Duration) []string { return []string{"-take", d.String()} }
	rest := func(name string) []string {
		return []string{
			`preset          = "laravel"`,
			`stdout_logfile  = ` + quoted(p.jobLog(name)),
			`redirect_stderr = true`,
			`stopwaitsecs    = "8s"`,
			`recycle.overlap      = true`,
			`recycle.min_lifetime = "2s"`,
			`limits.memory_swap_max = 0`, // a leak into swap sets off no tripwire
		}
	}
	size := func(n int) string { return fmt.Sprintf("%dM", n/mebi) }
	return []program{
		{"mail", "healthy, recycled now and then", []string{
			`numprocs         = 2`,
			fmt.Sprintf(`recycle.max_jobs = %d`, mailJobs),
		}, append(rest("mail"), `limits.memory_max = "64M"`,
			`command = `+command(exe, append(take(450*time.Millisecond), "-class", `App\Jobs\SendInvoice`)...))},
		{"report", "leaks 5M with every job", []string{
			`recycle.max_memory = "` + size(reportLine) + `"`,
			`limits.memory_max  = "` + size(reportMax) + `"`,
		}, append(rest("report"),
			`command = `+command(exe, append(take(600*time.Millisecond), "-class", `App\Jobs\BuildReport`, "-leak", fmt.Sprint(reportLeak))...))},
		{"import", "one of its jobs balloons", []string{
			`numprocs          = 2`,
			`limits.memory_max = "` + size(importMax) + `"`,
		}, append(rest("import"),
			`command = `+command(exe, append(take(550*time.Millisecond), "-class", `App\Jobs\ImportCatalog`, "-balloon", fmt.Sprint(importWants),
				"-after", "17", "-once", p.file("ballooned"))...))},
	}
}

// write makes the configuration file.
func (p place) write(all []program) error {
	var b strings.Builder
	fmt.Fprintf(&b, "[supervisor]\nsocket    = %s\nstate_dir = %s\n", quoted(p.socket()), quoted(p.state()))
	for _, g := range all {
		fmt.Fprintf(&b, "\n[programs.%s] # %s\n", g.name, g.about)
		for _, line := range append(append([]string{}, g.shown...), g.plain...) {
			fmt.Fprintln(&b, line)
		}
	}
	if err := os.WriteFile(p.config(), []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("cannot write the configuration: %v", err)
	}
	return nil
}
