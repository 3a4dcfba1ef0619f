//go:build replay

package replay

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// outages, in the order in which they are played.
var outages = []struct {
	name    string
	play    func(r *run)
	promise promise
}{
	{"leak", leak, promise{silence: 10 * time.Second, slower: 10}},
	{"hoard", hoarders, promise{silence: 10 * time.Second}},
	{"count", count, promise{silence: 10 * time.Second}},
	{"keep", keep, promise{silence: 5 * time.Second}},
}

// downAfter is a silence that makes an outage of it.
const downAfter = 10 * time.Second

func TestReplay(t *testing.T) {
	if os.Getenv("BULKHEAD_KERNEL_TESTS") != "guest" || os.Getenv("BULKHEAD_BIN") == "" || os.Getenv("BULKHEAD_RESULTS") == "" {
		t.Fatal("run this with `make replay`: it takes all memory of the machine, and wants a virtual one")
	}
	if os.Getenv(originKey) == "" {
		t.Fatal(elsewhere())
	}
	if err := apart(); err != nil {
		t.Fatal(err)
	}
	fewZones(t)
	h := thisHost(t)
	fmt.Printf("replay: %s\n", h)
	var all []outcome
	for _, o := range outages {
		if only := os.Getenv("BULKHEAD_REPLAY_ONLY"); only != "" && !slices.Contains(strings.Split(only, ","), o.name) {
			continue
		}
		for _, side := range []string{supervisord, bulkhead} {
			if only := os.Getenv("BULKHEAD_REPLAY_SIDE"); only != "" && only != side {
				continue
			}
			var r *run
			t.Run(o.name+"/"+side, func(t *testing.T) {
				r = newRun(t, o.name, side, h.seed)
				defer r.end()
				o.play(r)
				for _, f := range o.promise.judge(r.outcome) {
					t.Error(f)
				}
				if o.name == "leak" && side == supervisord && !r.outcome.wentDown(downAfter) {
					t.Errorf("%s, %s: the host did not go down: this replay proves nothing", o.name, side)
				}
				if t.Failed() {
					t.Log(r.logs())
				}
			})
			all = append(all, r.outcome)
		}
	}
	fmt.Printf("replay: %s\n%s", h, plainTable(all))
	for name, text := range map[string]string{"replay.md": page(h, all), "replay.svg": plot(h, all)} {
		if len(all) < 2*len(outages) {
			name = "part-of-" + name // not for docs
		}
		if err := os.WriteFile(filepath.Join(os.Getenv("BULKHEAD_RESULTS"), name), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// fewZones leaves one time zone. Debian's PHP looks at the files of all 600 whenever it starts,
// and a look at a shared file system takes milliseconds here.
func fewZones(t *testing.T) {
	t.Helper()
	const dir = "/usr/share/zoneinfo"
	utc, err := os.ReadFile(dir + "/UTC")
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "")
	}
	if err == nil {
		err = os.WriteFile(dir+"/UTC", utc, 0o644)
	}
	if err != nil {
		t.Fatalf("cannot cover %s: %v", dir, err)
	}
}

func thisHost(t *testing.T) host {
	t.Helper()
	h := host{seed: rand.Uint64N(1 << 32), cpus: runtime.NumCPU(), when: time.Now()}
	if text := os.Getenv("BULKHEAD_REPLAY_SEED"); text != "" {
		var err error
		if h.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("cannot use BULKHEAD_REPLAY_SEED: %v", err)
		}
	}
	var name unix.Utsname
	var info unix.Sysinfo_t
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	h.kernel = unix.ByteSliceToString(name.Release[:])
	h.memory, h.swap = int64(info.Totalram)*int64(info.Unit), int64(info.Totalswap)*int64(info.Unit)
	version, err := exec.Command("supervisord", "--version").Output()
	if err != nil {
		t.Fatalf("cannot run supervisord: %v", err)
	}
	h.supervisd = strings.TrimSpace(string(version))
	return h
}
