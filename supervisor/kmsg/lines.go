package kmsg

import (
	"slices"
	"strconv"
	"strings"
)

// invoked reads "php invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0".
func invoked(line string) (in Invoker, ok bool) {
	command, rest, ok := strings.Cut(line, " invoked oom-killer: ")
	if !ok {
		return in, false
	}
	in.Command = command
	in.GFP = field(rest, "gfp_mask=", ", ")
	in.Order = int(number(field(rest, "order=", ",")))
	in.OOMScoreAdj = int(number(field(rest, "oom_score_adj=", ",")))
	return in, true
}

// callerPID reads the line that dump_stack prints behind it:
// "CPU: 1 UID: 0 PID: 4711 Comm: php Not tainted 6.12.43 #1".
func callerPID(line string) (int, bool) {
	if !strings.HasPrefix(line, "CPU: ") {
		return 0, false
	}
	n := int(number(field(line, " PID: ", " ")))
	return n, n > 0
}

// verdict reads the line that says all at once, since Linux 5.0 (and RHEL 8):
// "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/x,task_memcg=/x,task=php,pid=4711,uid=0".
// Names of cgroups and commands may have commas in them.
func verdict(k *Kill, line string) {
	rest, ok := strings.CutPrefix(line, verdictBegins)
	if !ok {
		return
	}
	k.Told = true
	kind, rest, _ := strings.Cut(rest, ",nodemask=")
	switch kind {
	case "CONSTRAINT_NONE":
		k.Limit = Host
	case "CONSTRAINT_MEMCG":
		k.Limit = Memcg
	case "CONSTRAINT_CPUSET":
		k.Limit = Cpuset
	case "CONSTRAINT_MEMORY_POLICY":
		k.Limit = Policy
	}
	if at := strings.LastIndex(rest, ",task="); at >= 0 {
		rest = rest[:at]
	}
	rest, k.Cgroup = cutLast(rest, ",task_memcg=")
	if _, after := cutLast(rest, ",oom_memcg="); after != "" {
		k.LimitOf = after
	}
}

const verdictBegins = "oom-kill:constraint="

// wholeVerdict reports that the line ends as it should: the kernel writes it in
// pieces, and a long one is told in more than one record.
func wholeVerdict(line string) bool {
	_, tail := cutLast(line, ",uid=")
	_, err := strconv.ParseUint(tail, 10, 32)
	return err == nil
}

// formerVerdict reads what Linux had in its place up to 4.20:
// "Task in /x/y killed as a result of limit of /x".
func formerVerdict(k *Kill, line string) bool {
	rest, ok := strings.CutPrefix(line, "Task in ")
	if !ok {
		return false
	}
	task, limit, ok := strings.Cut(rest, " killed as a result of limit of ")
	if ok {
		k.Told, k.Limit, k.Cgroup, k.LimitOf = true, Memcg, task, limit
	}
	return ok
}

// usage reads "memory: usage 51200kB, limit 51200kB, failcnt 20" and the same of swap.
func usage(k *Kill, line string) bool {
	if rest, ok := strings.CutPrefix(line, "memory: usage "); ok {
		k.Usage = kilobytes(rest)
		k.Max = kilobytes(field(rest, ", limit ", ","))
		if k.Max >= noLimit {
			k.Max = -1
		}
		return true
	}
	if rest, ok := strings.CutPrefix(line, "swap: usage "); ok {
		k.Swap = kilobytes(rest)
		return true
	}
	return false
}

// noLimit is more than any limit, and sizeMost as large as a size becomes, so that
// sizes can be added: PAGE_COUNTER_MAX, which stands for no limit, is LONG_MAX bytes.
const (
	noLimit  = 1 << 60
	sizeMost = 1 << 60
)

// wholeGroup reads "Tasks in /x are going to be killed due to memory.oom.group set".
func wholeGroup(line string) (cgroup string, ok bool) {
	rest, ok := strings.CutPrefix(line, "Tasks in ")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, " are going to be killed due to memory.oom.group set")
}

// killed reads the line of the kill itself: "Out of memory: Killed process 4711 (php)
// total-vm:204936kB, anon-rss:44000kB, file-rss:4000kB, shmem-rss:0kB, UID:0 pgtables:148kB
// oom_score_adj:0", up to Linux 5.2 without what comes before the K, up to 5.3 without the
// UID and what follows it.
func killed(line string) (p Process, memcg, ok bool) {
	why, rest, ok := strings.Cut(line, "Killed process ")
	if !ok || why != "" && !strings.Contains(strings.ToLower(why), "out of memory") {
		return p, false, false
	}
	pid, rest, ok := strings.Cut(rest, " (")
	at := strings.LastIndex(rest, ") total-vm:")
	if !ok || at < 0 {
		return p, false, false
	}
	// The thread group was told as well for a while: "Killed process 4711 (php), UID 0, total-vm:".
	p.PID = int(number(pid))
	p.Command = rest[:at]
	rest = rest[at+2:]
	p.TotalVM = kilobytes(field(rest, "total-vm:", ","))
	p.AnonRSS = kilobytes(field(rest, "anon-rss:", ","))
	p.FileRSS = kilobytes(field(rest, "file-rss:", ","))
	p.ShmemRSS = kilobytes(field(rest, "shmem-rss:", ","))
	p.Pagetables = kilobytes(field(rest, "pgtables:", " "))
	p.OOMScoreAdj = int(number(field(rest, "oom_score_adj:", " ")))
	p.UID = -1
	if uid, err := strconv.ParseUint(field(rest, "UID:", " "), 10, 32); err == nil {
		p.UID = int64(uid)
	}
	return p, strings.HasPrefix(why, "Memory cgroup"), p.PID > 0
}

// columns reads the head of the task dump: "[  pid  ]   uid  tgid total_vm      rss ... name".
// nil: it is none.
func columns(line string) []string {
	f := strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(line))
	if len(f) < 5 || f[0] != "pid" || !slices.Contains(f, "total_vm") || f[len(f)-1] != "name" {
		return nil
	}
	return f
}

// row reads a line of the task dump under its head. Sizes but the page tables are in pages.
func row(columns []string, line string, page int64) (p Process, ok bool) {
	rest, ok := strings.CutPrefix(line, "[")
	if !ok {
		return p, false
	}
	rest = strings.Replace(rest, "]", " ", 1)
	p.UID = -1
	last := len(columns) - 1
	for i, name := range columns {
		rest = strings.TrimLeft(rest, " ")
		if i == last {
			p.Command = rest
			break
		}
		var text string
		text, rest, ok = strings.Cut(rest, " ")
		n, err := strconv.ParseInt(text, 10, 64)
		if !ok || err != nil {
			return p, false
		}
		p.set(name, n, page)
	}
	return p, p.PID > 0
}

// set takes one cell. Before Linux 6.8 the table has rss as a whole only.
func (p *Process) set(column string, n, page int64) {
	switch column {
	case "pid":
		p.PID = int(n)
	case "uid":
		p.UID = n
	case "total_vm":
		p.TotalVM = scaled(n, page)
	case "rss":
		p.AnonRSS = scaled(n, page)
	case "rss_anon":
		p.AnonRSS = scaled(n, page)
	case "rss_file":
		p.FileRSS = scaled(n, page)
	case "rss_shmem":
		p.ShmemRSS = scaled(n, page)
	case "pgtables_bytes":
		p.Pagetables = scaled(n, 1)
	case "swapents":
		p.Swap = scaled(n, page)
	case "oom_score_adj":
		p.OOMScoreAdj = int(n)
	}
}

// field is what stands between a key and the next separator, or the end.
func field(text, key, until string) string {
	_, rest, ok := strings.Cut(text, key)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, until)
	return value
}

// cutLast is strings.Cut at the last of the separators.
func cutLast(text, sep string) (before, after string) {
	if at := strings.LastIndex(text, sep); at >= 0 {
		return text[:at], text[at+len(sep):]
	}
	return text, ""
}

// number reads a number; 0 for nonsense.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0
	}
	return n
}

// kilobytes reads "51200kB..." as bytes.
func kilobytes(text string) int64 {
	digits, _, ok := strings.Cut(text, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if !ok || err != nil {
		return 0
	}
	return scaled(n, 1024)
}

// scaled multiplies a size; what no memory can be becomes sizeMost.
func scaled(n, unit int64) int64 {
	switch {
	case n < 0 || unit <= 0:
		return 0
	case n > sizeMost/unit:
		return sizeMost
	}
	return n * unit
}
