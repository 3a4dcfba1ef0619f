package replay

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// host is where a run was made.
type host struct {
	seed      uint64
	kernel    string
	memory    int64 // bytes
	swap      int64
	cpus      int
	when      time.Time
	supervisd string // version of supervisord
}

func (h host) String() string {
	swap := "no swap"
	if h.swap > 0 {
		swap = fmt.Sprintf("%d MiB of swap", h.swap>>20)
	}
	return fmt.Sprintf("seed %d, Linux %s, %d MiB of memory, %s, %d processors (emulated), supervisord %s, %s", h.seed, h.kernel, h.memory>>20, swap, h.cpus, h.supervisd, h.when.Format("2006-01-02"))
}

// tableHead names the columns of rows.
var tableHead = []string{"outage", "under", "longest silence", "p99 idle", "p99 under load", "all waiting for memory", "jobs lost", "killed wrongly", "OOM kills of the host"}

// rows are the table's cells, one row an outcome.
func rows(all []outcome) (out [][]string) {
	for _, o := range all {
		jobs := "-"
		if o.jobs > 0 {
			jobs = fmt.Sprintf("%d of %d", o.lost, o.jobs)
			if o.twice > 0 {
				jobs += fmt.Sprintf(", %d ran twice", o.twice)
			}
		}
		wronged := map[string]int{}
		for _, name := range o.innocent {
			wronged[name] = o.killed[name]
		}
		out = append(out, []string{o.outage, o.side, brief(o.silence), brief(o.idle), brief(o.load), brief(o.full), jobs, cmp.Or(names(wronged), "none"), strconv.Itoa(o.hostKills)})
	}
	return out
}

// plainTable is for a terminal.
func plainTable(all []outcome) string {
	lines := append([][]string{tableHead}, rows(all)...)
	width := make([]int, len(tableHead))
	for _, cells := range lines {
		for i, c := range cells {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, cells := range lines {
		line := ""
		for i, c := range cells {
			line += "  " + c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, o := range all {
		for _, s := range o.said {
			fmt.Fprintf(&b, "  %s, %s: %s\n", o.outage, o.side, s)
		}
	}
	return b.String()
}

// page is docs/replay.md.
func page(h host, all []outcome) string {
	var b strings.Builder
	b.WriteString(pageHead)
	fmt.Fprintf(&b, "%s.\n\n", h)
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(tableHead)
	b.WriteString(strings.Repeat("|---", len(tableHead)) + "|\n")
	for _, r := range rows(all) {
		row(r)
	}
	b.WriteString("\nWhat was seen beside the figures:\n\n")
	for _, o := range all {
		for _, s := range o.said {
			fmt.Fprintf(&b, "- %s, %s: %s\n", o.outage, o.side, s)
		}
	}
	return b.String()
}

const pageHead = `<!-- Written by ` + "`make replay WRITE=1`" + `. Do not edit. -->

# Four outages, replayed

` + "`make replay`" + ` plays four outages in a virtual machine, each twice with the same workload: under Debian's supervisord, and under bulkhead with
limits, health checks and [pressure](pressure.md). ` + "`BULKHEAD_REPLAY_SEED=N`" + ` makes the same choices again.

| outage | what happens | what bulkhead has |
|---|---|---|
| leak | 27 PHP workers on a real Redis that forks to save; two of them leak. Then a deployment: 233 unzips at once, and a build | ` + "`recycle.max_memory`, `memory_max`, `memory_min` and `oom_score_adj`" + ` for Redis and web, ` + "`bulkhead exec --slots 4`, `--min-available`" + ` |
| hoard | six converters take memory and give none back; monitoring has raised its own oom_score_adj to 900; the web server stops listening and lives on | ` + "`memory_max`, `health.http`" + ` |
| count | numprocs 6 becomes 90; update, restart, then a stop while another process keeps the host out of memory | ` + "`overcommit = \"deny\"`" + `, then, without limits and with "warn", starts that wait for each other, and the pressure ladder |
| keep | a search service takes memory for good | ` + "`recycle.when_available_below`" + ` |

Scaled: the machine is a small one, so are the build, the converters and Redis (tens of MB each). The numbers of workers and unzips are not. Programs are
processes of this test, a queue worker is a PHP script of 60 lines, and unzips write to /dev/null: the machine has no disk of its own. Its processors are
emulated, a tenth as fast as real ones: a time means something beside the one above or below it only.

Killed wrongly are programs that nobody should have killed: all but converters, the too many, builds, unzips and the leaking workers. Lost are jobs that were
pushed and never finished. All waiting for memory is the total of "full" in /proc/pressure/memory. A host that has not answered for 45 s is given up: the plug
is pulled, and lost are then the jobs that workers had in hand.

![Available memory, and times without an answer of the web server](replay.svg)

`

func TestTable(t *testing.T) {
	all := []outcome{
		{outage: "leak", side: supervisord, idle: 20 * time.Millisecond, load: 3 * time.Second, silence: 61 * time.Second, full: 90 * time.Second, jobs: 100, lost: 3, hostKills: 2,
			killed: map[string]int{"redis": 1, "build": 4}, innocent: []string{"redis", "web"}, said: []string{"the build failed"}},
		{outage: "leak", side: bulkhead, idle: 21 * time.Millisecond, load: 90 * time.Millisecond, silence: 412 * time.Millisecond},
		{outage: "keep", side: supervisord, jobs: 9, twice: 2},
	}
	want := `  outage  under        longest silence  p99 idle  p99 under load  all waiting for memory  jobs lost            killed wrongly  OOM kills of the host
  leak    supervisord  1m1s             20ms      3s              1m30s                   3 of 100             1 redis         2
  leak    bulkhead     412ms            21ms      90ms            0s                      -                    none            0
  keep    supervisord  0s               0s        0s              0s                      0 of 9, 2 ran twice  none            0
  leak, supervisord: the build failed
`
	if got := plainTable(all); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	h := host{seed: 7, kernel: "6.1.0", memory: 2 << 30, cpus: 2, when: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), supervisd: "4.2.5"}
	text := page(h, all)
	for _, part := range []string{
		"\nseed 7, Linux 6.1.0, 2048 MiB of memory, no swap, 2 processors (emulated), supervisord 4.2.5, 2026-11-28.\n",
		"\n| leak | supervisord | 1m1s | 20ms | 3s | 1m30s | 3 of 100 | 1 redis | 2 |\n", "\n- leak, supervisord: the build failed\n", "\n|---|---|---|---|---|---|---|---|---|\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	h.swap = 64 << 20
	if !strings.Contains(h.String(), ", 64 MiB of swap, ") {
		t.Error(h)
	}
}
