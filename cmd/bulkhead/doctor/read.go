package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Reader reads a host.
type Reader struct {
	Root string // its root directory: "/", or where a copy of some files is
	Self int    // the pid that is left out, since it is only there to look; 0: none
}

// readings is how many are taken by Watch: enough to tell a rate from noise.
const readings = 11

// Watch takes readings, evenly over the time span. Only the last one is whole; the
// others are light. With a span of 0 there is one.
func (r Reader) Watch(ctx context.Context, span time.Duration) ([]Host, error) {
	if span <= 0 {
		h, err := r.Read()
		if err != nil {
			return nil, err
		}
		return []Host{*h}, nil
	}
	ticker := time.NewTicker(max(span/(readings-1), 1))
	defer ticker.Stop()
	var all []Host
	for len(all) < readings {
		take := r.Light
		if len(all) == readings-1 {
			take = r.Read
		}
		h, err := take()
		if err != nil {
			return nil, err
		}
		all = append(all, *h)
		if len(all) == readings {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot take all readings: %v", context.Cause(ctx))
		case <-ticker.C:
		}
	}
	return all, nil
}

// Read takes a whole reading. Adding up the pages of all processes keeps the
// kernel busy: some milliseconds for every gigabyte they have.
func (r Reader) Read() (*Host, error) {
	h, proc, err := r.read()
	if err != nil {
		return nil, err
	}
	limits := newLimits(r.Root)
	there := h.Processes[:0]
	for _, p := range h.Processes {
		if !r.detail(proc, &p, limits) {
			continue
		}
		if p.Pss == unknown {
			h.Unmeasured++
		}
		there = append(there, p)
	}
	h.Processes = there
	return h, nil
}

// Light takes a reading of what changes from one moment to the next.
func (r Reader) Light() (*Host, error) {
	h, _, err := r.read()
	return h, err
}

func (r Reader) read() (*Host, procfs.FS, error) {
	proc, err := procfs.NewFS(filepath.Join(r.Root, "proc"))
	if err != nil {
		return nil, proc, fmt.Errorf("cannot read the host: %v", err)
	}
	h := &Host{At: time.Now(), Overcommit: unknown}
	if h.Memory, err = readMemory(proc); err != nil {
		return nil, proc, err
	}
	h.Pressure = readPressure(proc)
	if n, err := proc.SysctlInts("vm.overcommit_memory"); err == nil && len(n) == 1 {
		h.Overcommit = n[0]
	}
	if words, err := proc.SysctlStrings("kernel.osrelease"); err == nil && len(words) > 0 {
		h.Kernel = parseKernel(words[0])
	}
	all, err := proc.AllProcs()
	if err != nil {
		return nil, proc, fmt.Errorf("cannot list processes: %v", err)
	}
	slices.SortFunc(all, func(a, b procfs.Proc) int { return cmp.Compare(a.PID, b.PID) })
	for _, p := range all {
		if p.PID == r.Self {
			continue
		}
		if one, ok := readProcess(p); ok {
			h.Processes = append(h.Processes, one)
		}
	}
	h.Hidden = r.Self != 1 && h.process(1) == nil // the first process always has memory
	if len(h.Processes) == 0 {
		return nil, proc, fmt.Errorf("cannot read any process below %q", filepath.Join(r.Root, "proc"))
	}
	return h, proc, nil
}

// parseKernel reads the first two numbers of "6.12.48-1-amd64"; zeros for what is not like that.
func parseKernel(release string) [2]int {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return [2]int{}
	}
	minor := parts[1]
	if i := strings.IndexFunc(minor, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		minor = minor[:i] // "6.12-rc1"
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil || a < 0 {
		return [2]int{}
	}
	return [2]int{a, b}
}

func readMemory(proc procfs.FS) (Memory, error) {
	m, err := proc.Meminfo()
	if err != nil {
		return Memory{}, fmt.Errorf("cannot read the host's memory: %v", err)
	}
	if m.MemTotalBytes == nil || m.MemAvailableBytes == nil || *m.MemTotalBytes == 0 {
		return Memory{}, errors.New("cannot read the host's memory: /proc/meminfo has no MemTotal and MemAvailable (Linux 3.14)")
	}
	size := func(n *uint64) int64 {
		if n == nil {
			return 0
		}
		return bytesOf(*n)
	}
	return Memory{
		Total: size(m.MemTotalBytes), Available: size(m.MemAvailableBytes),
		SwapTotal: size(m.SwapTotalBytes), SwapFree: size(m.SwapFreeBytes),
	}, nil
}

// readPressure is nil where the kernel was built without PSI or started with
// psi=0; there the files are missing, or reading them is EOPNOTSUPP.
func readPressure(proc procfs.FS) *Pressure {
	s, err := proc.PSIStatsForResource("memory")
	if err != nil || s.Some == nil {
		return nil
	}
	p := &Pressure{Some: [3]float64{s.Some.Avg10, s.Some.Avg60, s.Some.Avg300}}
	if s.Full != nil {
		p.Full = [3]float64{s.Full.Avg10, s.Full.Avg60, s.Full.Avg300}
	}
	return p
}

// readProcess reads what everybody may read. It is false for a kernel thread,
// a zombie, and a process that has ended meanwhile: they have no memory.
func readProcess(p procfs.Proc) (Process, bool) {
	stat, err := p.Stat()
	if err != nil {
		return Process{}, false
	}
	status, err := p.NewStatus()
	if err != nil || status.VmSize == 0 {
		return Process{}, false
	}
	argv, err := p.CmdLine()
	if err != nil {
		return Process{}, false
	}
	anon := status.RssAnon
	if status.RssAnon+status.RssFile+status.RssShmem == 0 { // before Linux 4.5
		anon = status.VmRSS
	}
	return Process{
		PID: p.PID, Parent: stat.PPID, Start: stat.Starttime, Ticks: uint64(stat.UTime) + uint64(stat.STime),
		Program: programOf(argv, stat.Comm), Argv: argv,
		RSS: bytesOf(status.VmRSS), Anon: bytesOf(anon), Swap: bytesOf(status.VmSwap), PageTables: bytesOf(status.VmPTE),
		Pss: unknown, OOMScore: unknown, Cgroup: Cgroup{Max: unknown},
	}, true
}

// detail adds what takes longer, or rights; what may not be read stays unknown. It is false
// for a process that has ended meanwhile.
func (r Reader) detail(proc procfs.FS, p *Process, limits *limits) bool {
	dir := filepath.Join(r.Root, "proc", strconv.Itoa(p.PID))
	one, err := proc.Proc(p.PID)
	if err != nil {
		return false
	}
	sum, err := one.ProcSMapsRollup()
	if err == nil {
		p.Pss = bytesOf(sum.Pss)
	} else if status, err := one.NewStatus(); err != nil || status.VmSize == 0 {
		return false
	}
	if n, err := readInt(filepath.Join(dir, "oom_score")); err == nil {
		p.OOMScore = n
	}
	if n, err := readInt(filepath.Join(dir, "oom_score_adj")); err == nil {
		p.OOMScoreAdj = n
	}
	if all, err := one.Cgroups(); err == nil {
		p.Cgroup = limits.of(all)
	}
	if isRedis(p.Program) {
		p.Redis = r.redis(p, dir)
	}
	return true
}

func readInt(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// bytesOf keeps what no host has from becoming negative.
func bytesOf(n uint64) int64 { return int64(min(n, 1<<60)) }
