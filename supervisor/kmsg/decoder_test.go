package kmsg

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.want; only commit what you understand")

const kib, mib = 1 << 10, 1 << 20

// fed gives lines to a decoder, a millisecond apart.
func fed(lines ...string) (d *Decoder, out []Kill) {
	d = &Decoder{PageSize: 4096}
	for i, l := range lines {
		text, more := strings.CutPrefix(l, "+")
		out = append(out, d.Feed(Record{Seq: uint64(i + 1), At: time.Duration(i) * time.Millisecond, Text: text, More: more})...)
	}
	return d, append(out, d.Flush()...)
}

// TestFormats are the words of the kernels, by their version.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines string
		want  []Kill
	}{
		{"6.12, the host", `
php-fpm8.3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=-5
CPU: 1 UID: 33 PID: 4711 Comm: php-fpm8.3 Not tainted 6.12.43+deb13-amd64 #1  Debian 6.12.43-1
Call Trace:
Mem-Info:
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[    812]   110   812   500000   200000   199000      600       400  1851392       12             0 mysqld
[   4711]    33  4711    51234    12000    11000     1000         0   151552        0            -5 php-fpm8.3
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/mysql.service,task=mysqld,pid=812,uid=110
Out of memory: Killed process 812 (mysqld) total-vm:2000000kB, anon-rss:796000kB, file-rss:2400kB, shmem-rss:1600kB, UID:110 pgtables:1808kB oom_score_adj:0
oom_reaper: reaped process 812 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:1600kB`,
			[]Kill{{Seq: 10, At: 9 * time.Millisecond, Told: true, Limit: Host, Cgroup: "/system.slice/mysql.service",
				Victim: Process{PID: 812, Command: "mysqld", UID: 110, TotalVM: 2000000 * kib, AnonRSS: 796000 * kib, FileRSS: 2400 * kib,
					ShmemRSS: 1600 * kib, Pagetables: 1808 * kib},
				Invoker: Invoker{PID: 4711, Command: "php-fpm8.3", GFP: "0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)", OOMScoreAdj: -5},
				Holders: []Process{
					{PID: 812, Command: "mysqld", UID: 110, TotalVM: 500000 * 4096, AnonRSS: 199000 * 4096, FileRSS: 600 * 4096, ShmemRSS: 400 * 4096,
						Pagetables: 1851392, Swap: 12 * 4096},
					{PID: 4711, Command: "php-fpm8.3", UID: 33, TotalVM: 51234 * 4096, AnonRSS: 11000 * 4096, FileRSS: 1000 * 4096, Pagetables: 151552, OOMScoreAdj: -5},
				}}}},
		{"6.1, a cgroup as a whole, whose victim comes again", `
php invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
CPU: 0 PID: 99 Comm: php Not tainted 6.1.0-39-amd64 #1  Debian 6.1.148-1
memory: usage 51200kB, limit 51200kB, failcnt 20
swap: usage 12kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /x:
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[     99]     0    99    51234    12000   151552        3             0 php
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/x,task_memcg=/x/y,task=php,pid=99,uid=0
Memory cgroup out of memory: Killed process 99 (php) total-vm:204936kB, anon-rss:44000kB, file-rss:4000kB, shmem-rss:0kB, UID:0 pgtables:148kB oom_score_adj:0
Tasks in /x/y are going to be killed due to memory.oom.group set
Memory cgroup out of memory: Killed process 99 (php) total-vm:204936kB, anon-rss:44000kB, file-rss:4000kB, shmem-rss:0kB, UID:0 pgtables:148kB oom_score_adj:0
Memory cgroup out of memory: Killed process 100 (sh) total-vm:2048kB, anon-rss:64kB, file-rss:4kB, shmem-rss:0kB, UID:7 pgtables:8kB oom_score_adj:10`,
			[]Kill{{Seq: 13, At: 9 * time.Millisecond, Told: true, Limit: Memcg, Cgroup: "/x/y", LimitOf: "/x", Whole: "/x/y", Usage: 50 * mib, Max: 50 * mib, Swap: 12 * kib,
				Victim:  Process{PID: 99, Command: "php", TotalVM: 204936 * kib, AnonRSS: 44000 * kib, FileRSS: 4000 * kib, Pagetables: 148 * kib},
				Others:  []Process{{PID: 100, Command: "sh", UID: 7, TotalVM: 2048 * kib, AnonRSS: 64 * kib, FileRSS: 4 * kib, Pagetables: 8 * kib, OOMScoreAdj: 10}},
				Invoker: Invoker{PID: 99, Command: "php", GFP: "0xcc0(GFP_KERNEL)"},
				Holders: []Process{{PID: 99, Command: "php", TotalVM: 51234 * 4096, AnonRSS: 12000 * 4096, Pagetables: 151552, Swap: 3 * 4096}}}}},
		{"4.18 of RHEL 8: blanks before order, no limit", `
java invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=0
java cpuset=/ mems_allowed=0
CPU: 3 PID: 1234 Comm: java Kdump: loaded Not tainted 4.18.0-553.el8_10.x86_64 #1
memory: usage 4096kB, limit 9007199254740988kB, failcnt 0
[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[ 1234]  1000  1234   100000    50000   409600        0             0 java
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/j,task_memcg=/j,task=java,pid=1234,uid=1000
Memory cgroup out of memory: Killed process 1234 (java) total-vm:400000kB, anon-rss:200000kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:400kB oom_score_adj:0`,
			[]Kill{{Seq: 8, At: 7 * time.Millisecond, Told: true, Limit: Memcg, Cgroup: "/j", LimitOf: "/j", Usage: 4 * mib, Max: -1,
				Victim:  Process{PID: 1234, Command: "java", UID: 1000, TotalVM: 400000 * kib, AnonRSS: 200000 * kib, Pagetables: 400 * kib},
				Invoker: Invoker{PID: 1234, Command: "java", GFP: "0x6000c0(GFP_KERNEL)"},
				Holders: []Process{{PID: 1234, Command: "java", UID: 1000, TotalVM: 100000 * 4096, AnonRSS: 50000 * 4096, Pagetables: 409600}}}}},
		{"4.18 as it was", `
php invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null),  order=0, oom_score_adj=0
Task in /x/y killed as a result of limit of /x
memory: usage 8kB, limit 8kB, failcnt 1
Memory cgroup out of memory: Kill process 7 (php) score 900 or sacrifice child
Killed process 7 (php) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB`,
			[]Kill{{Seq: 5, At: 4 * time.Millisecond, Told: true, Limit: Memcg, Cgroup: "/x/y", LimitOf: "/x", Usage: 8 * kib, Max: 8 * kib,
				Victim:  Process{PID: 7, Command: "php", UID: -1, TotalVM: 16 * kib, AnonRSS: 8 * kib},
				Invoker: Invoker{Command: "php", GFP: "0x6000c0(GFP_KERNEL)"}}}},
		{"nothing but the kill, as of many in a row", `
Memory cgroup out of memory: Killed process 7 (a (b) c) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:-1
Out of memory (oom_kill_allocating_task): Killed process 8 (d) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB`,
			[]Kill{
				{Seq: 1, Limit: Memcg, Max: -1, Victim: Process{PID: 7, Command: "a (b) c", TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib, OOMScoreAdj: -1}},
				{Seq: 2, At: time.Millisecond, Limit: Host, Max: -1, Victim: Process{PID: 8, Command: "d", UID: -1, TotalVM: 16 * kib, AnonRSS: 8 * kib}},
			}},
		{"two cgroups as a whole, the second told of in short", `
Memory cgroup out of memory: Killed process 7 (a) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0
Tasks in /a are going to be killed due to memory.oom.group set
Memory cgroup out of memory: Killed process 8 (b) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0
Tasks in /b are going to be killed due to memory.oom.group set`,
			[]Kill{
				{Seq: 2, Limit: Memcg, Max: -1, Whole: "/a", Others: []Process{}, Victim: Process{PID: 7, Command: "a", TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib}},
				{Seq: 4, At: 3 * time.Millisecond, Limit: Memcg, Max: -1, Whole: "/b", Victim: Process{PID: 8, Command: "b", TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib}},
			}},
		{"a verdict in pieces, with other news between, and commas in names", `
oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=0,cpuset=/a,mems_allowed=0,oom_memcg=/a,b
usb 1-1: new device
+,task_memcg=/a,b/c,task=x,y,pid=7
+,uid=1
Out of memory: Killed process 7 (x,y) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0`,
			[]Kill{{Seq: 5, At: 4 * time.Millisecond, Told: true, Limit: Cpuset, Cgroup: "/a,b/c", LimitOf: "/a,b",
				Victim: Process{PID: 7, Command: "x,y", UID: 1, TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib}}}},
		{"a verdict whose end is lost", `
oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=0,cpuset=/,mems_allowed=0,global_oom,task_memcg=/a
Out of memory: Killed process 7 (x) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0`,
			[]Kill{{Seq: 2, At: time.Millisecond, Told: true, Limit: Policy, Cgroup: "/a",
				Victim: Process{PID: 7, Command: "x", UID: 1, TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib}}}},
		{"asked for by sysrq", `
kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0
Out of memory: Killed process 7 (x) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0`,
			[]Kill{{Seq: 2, At: time.Millisecond, Limit: Host, Max: -1, Invoker: Invoker{Command: "kworker/0:1", Order: -1, GFP: "0xcc0(GFP_KERNEL)"},
				Victim: Process{PID: 7, Command: "x", UID: 1, TotalVM: 16 * kib, AnonRSS: 8 * kib, Pagetables: 8 * kib}}}},
		{"nobody could be killed, and what only looks like it", `
php invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Out of memory and no killable processes...
init: Killed process 7 (php) by hand
Killed process x (php) total-vm:16kB
Killed process 0 (php) total-vm:16kB
Killed process 7
Tasks in /x are fine
Tasks in /x are going to be killed due to memory.oom.group set
[ 1234]  1000  1234 100000 50000 409600 0 0 java
memory: usage x, limit`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := fed(strings.Split(strings.TrimPrefix(c.lines, "\n"), "\n")...)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

const short = "Out of memory: Killed process %d (x) total-vm:16kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0"

// TestHolders keeps the largest, those told first of equals, and no more than a few.
func TestHolders(t *testing.T) {
	lines := []string{"x invoked oom-killer: gfp_mask=0, order=0, oom_score_adj=0", "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"}
	for i, rss := range []int{3, 9, 1, 9, 7, 2, 8, 9, 0} {
		lines = append(lines, fmt.Sprintf("[%7d]     0  1    1    %d   0        0             0 a b", i+1, rss))
	}
	lines = append(lines, "[  nonsense]  1", "[ 99] 1 1 x", fmt.Sprintf(short, 7))
	_, got := fed(lines...)
	var pids []int
	for _, h := range got[0].Holders {
		pids = append(pids, h.PID)
		if h.Command != "a b" {
			t.Errorf("command %q", h.Command)
		}
	}
	if want := []int{2, 4, 8, 7, 5}; !slices.Equal(pids, want) {
		t.Errorf("pids %v, want %v", pids, want)
	}
}

// TestLoss: what was overwritten is counted, and what was told long before is not
// taken for the circumstances of a later kill.
func TestLoss(t *testing.T) {
	d := &Decoder{PageSize: 4096}
	d.Feed(Record{Seq: 7, Text: "x invoked oom-killer: gfp_mask=0, order=0, oom_score_adj=0"})
	if d.Lost() != 0 {
		t.Errorf("%d lost before the first", d.Lost())
	}
	d.Feed(Record{Seq: 8})
	d.Feed(Record{Seq: 12, At: time.Minute, Text: fmt.Sprintf(short, 7)})
	if d.Lost() != 3 || !d.Pending() {
		t.Errorf("%d lost, pending %v", d.Lost(), d.Pending())
	}
	got := d.Feed(Record{Seq: 13, At: 2 * time.Minute})
	if len(got) != 1 || got[0].Invoker.Command != "" || d.Pending() {
		t.Errorf("got %+v", got)
	}
}

// TestRealLogs are /dev/kmsg of real kernels (Debian's) after real kills, with what was
// killed beside them: a shell in a cgroup of its own, a whole cgroup below the one whose
// limit it met, the host's largest process.
func TestRealLogs(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.kmsg")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, k := range decoded(text) {
			fmt.Fprintf(&b, "%+v\n", k)
		}
		golden := strings.TrimSuffix(path, ".kmsg") + ".want"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (-want +got)\n%s", path, d)
		}
	}
}

// decoded makes kills of records as they were read one after the other.
func decoded(text []byte) (out []Kill) {
	d := Decoder{PageSize: 4096}
	for line := range strings.Lines(string(text)) {
		if r, err := ParseRecord([]byte(line)); err == nil { // else it is a property of the one before
			out = append(out, d.Feed(r)...)
		}
	}
	return append(out, d.Flush()...)
}

// FuzzRecord: whatever the kernel may say, nothing breaks, no size is negative, and
// no kill comes from nowhere.
func FuzzRecord(f *testing.F) {
	logs, _ := filepath.Glob("testdata/*.kmsg")
	for _, path := range logs {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(text[:min(len(text), 16<<10)])
		}
	}
	f.Add([]byte("3,1,0,-;" + fmt.Sprintf(short, 7) + "\n3,2,0,-;Tasks in /x are going to be killed due to memory.oom.group set\n3,3,0,-;" + fmt.Sprintf(short, 8) + "\n"))
	f.Add([]byte("3,1,0,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)\n3,2,0,c;,task_memcg=/,task=x,pid=1,uid=1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, k := range decoded(text) {
			all := append(append([]Process{k.Victim}, k.Others...), k.Holders...)
			for _, p := range all {
				if p.PID <= 0 || p.TotalVM < 0 || p.AnonRSS < 0 || p.FileRSS < 0 || p.ShmemRSS < 0 || p.Pagetables < 0 || p.Swap < 0 {
					t.Fatalf("process %+v", p)
				}
			}
			if k.Limit == "" || k.Usage < 0 || k.Max < -1 || len(k.Holders) > keepsHolders {
				t.Fatalf("kill %+v", k)
			}
			if !strings.Contains(string(text), "illed process ") && !strings.Contains(string(text), `\x`) {
				t.Fatalf("a kill of nothing: %+v", k)
			}
		}
	})
}
