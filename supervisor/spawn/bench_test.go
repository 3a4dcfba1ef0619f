package spawn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart compares with os/exec, which shares memory with the child
// until exec, at two sizes of the supervisor. "start" is the median until
// Start returns, "run" until the child's status is there.
func BenchmarkStart(b *testing.B) {
	_, dir := cgroupDir(b)
	for _, ballast := range []int{0, 4 << 20, 50 << 20} {
		heap := make([]byte, ballast)
		for i := 0; i < len(heap); i += 4096 {
			heap[i] = 1
		}
		rss := "?"
		for line := range strings.Lines(slurp("/proc/self/status")) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				rss = strings.ReplaceAll(strings.TrimSpace(rest), " ", "")
			}
		}
		for _, way := range []struct {
			name string
			run  func(testing.TB, int) (started time.Time)
		}{{"spawn", runSpawn}, {"osexec", runExec}} {
			b.Run(fmt.Sprintf("%s/rss=%s", way.name, rss), func(b *testing.B) {
				var start, run []time.Duration
				for b.Loop() {
					t0 := time.Now()
					t1 := way.run(b, dir)
					start, run = append(start, t1.Sub(t0)), append(run, time.Since(t0))
				}
				b.ReportMetric(float64(median(start).Microseconds()), "start-µs")
				b.ReportMetric(float64(median(run).Microseconds()), "run-µs")
			})
		}
		runtime.KeepAlive(heap)
	}
}

// BenchmarkStartParallel is throughput with as many starters as processors.
func BenchmarkStartParallel(b *testing.B) {
	_, dir := cgroupDir(b)
	for name, run := range map[string]func(testing.TB, int) time.Time{"spawn": runSpawn, "osexec": runExec} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					run(b, dir)
				}
			})
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func runSpawn(b testing.TB, dir int) time.Time {
	s := spec("/bin/true")
	s.CgroupFD, s.Umask = dir, 0o22
	c, err := Start(context.Background(), s)
	if err != nil {
		b.Fatal(err)
	}
	t := time.Now()
	await(b, c)
	c.Close()
	return t
}

func runExec(b testing.TB, dir int) time.Time {
	c := exec.Command("/bin/true")
	c.Env = os.Environ()[:1]
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: dir}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	t := time.Now()
	if err := c.Wait(); err != nil {
		b.Fatal(err)
	}
	return t
}
