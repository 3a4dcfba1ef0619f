//go:build replay

package replay

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sizes of the first outage.
const (
	leakPerJob  = 24 << 20
	jobsASecond = 8
	redisMB     = 96
	unzips      = 233
	buildParts  = 14
	buildMB     = 64 // of each part
	buildTakes  = 40 * time.Second
)

// leak: 27 queue workers, two of which keep a part of each job, a Redis that saves, and a
// deployment that does everything at once.
func leak(r *run) {
	dir, err := os.Getwd()
	if err != nil {
		r.t.Fatal(err)
	}
	worker := func(name string, leak int) string {
		return fmt.Sprintf("php -n -d memory_limit=-1 -d extension=igbinary -d extension=redis %s/testdata/worker.php %s %s %s %d", dir, name, r.redis, r.ledger, leak)
	}
	const ways = "job_pattern = \"^done \"\npause_signal = \"USR2\"\nresume_signal = \"CONT\"\n"
	r.start([]program{
		{"redis", redisScript(r), 1, 20 * time.Second, fmt.Sprintf(`
priority = 1
limits = { memory_min = "%dM", oom_score_adj = -900, cpu_weight = 500 }`, redisMin)},
		webProgram(r, ""),
		{"queue", worker("queue", 0), 25, 30 * time.Second, ways + `
limits = { memory_max = "48M" }`},
		{"leaky", worker("leaky", leakPerJob), 2, 30 * time.Second, ways + `
limits = { memory_max = "192M" }
recycle = { max_memory = "64M", min_lifetime = "3s", parallel = 2 }`},
	}, "")
	filler := redis{socket: r.redis}
	r.await("answer of redis", time.Minute, func() bool { _, err := filler.do("PING"); return err == nil })
	if err := filler.fill(redisMB); err != nil {
		r.t.Fatal(err)
	}
	filler.close()
	r.watch(12 * time.Second)
	jobs := r.push(jobsASecond, redisMB)
	r.wait(15 * time.Second)
	deployed := r.deploy(240 * time.Second)
	r.wait(10 * time.Second)
	pushed := jobs.stop(r)
	r.settle(pushed, "web", "redis", "queue")
	if jobs.tries > 0 {
		r.note("jobs could not be pushed %d times", jobs.tries)
	}
	if r.bulkhead() && !deployed {
		r.fault("the deployment neither ended well nor was refused with a reason")
	}
}

// webProgram is the web server, which nobody may disturb.
func webProgram(r *run, more string) program {
	return program{"web", r.role("web", r.ledger, webAddress), 1, 5 * time.Second, fmt.Sprintf(`
priority = 1
limits = { memory_min = "%dM", oom_score_adj = -800, cpu_weight = 1000 }
%s`, webMin, more)}
}

// deploy unpacks and builds, all at once. It is true when all went well, or was refused
// with a reason.
func (r *run) deploy(most time.Duration) bool {
	archive := filepath.Join(r.dir, "release.zip")
	r.write(archive, release(r.rng))
	unzip := "unzip -p " + archive // the virtual machine has no disk of its own
	build := r.role("build", buildParts, buildMB, buildTakes.Seconds())
	if r.bulkhead() {
		exec := os.Getenv("BULKHEAD_BIN") + " exec --lock-dir " + r.dir + "/locks --wait " + fmt.Sprint(int(most.Seconds())) + "s"
		unzip = exec + " --lock unzip --slots 4 --memory-max 64M -- " + unzip
		build = exec + fmt.Sprintf(" --min-available %dM --memory-max %dM -- ", buildParts*buildMB+200, buildParts*buildMB+150) + build
	}
	script := filepath.Join(r.dir, "deploy.sh")
	r.write(script, fmt.Sprintf(`%s &
pids=$!
for i in $(seq %d); do
	%s > /dev/null &
	pids="$pids $!"
done
failed=0
for pid in $pids; do
	wait $pid
	code=$?
	[ $code = 0 ] || { failed=$((failed + 1)); echo "code $code"; }
done
echo "failed: $failed"
exit $failed
`, build, unzips, unzip))
	r.say("a deployment: %d unzips at once and a build of %d MB", unzips, buildParts*buildMB)
	ctx, cancel := context.WithTimeout(context.Background(), most+30*time.Second)
	defer cancel()
	begun := time.Now()
	var out bytes.Buffer
	cmd := r.command(ctx, deployment, 0, "sh", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	took := time.Since(begun)
	if err == nil {
		r.note("the deployment ended well after %v", brief(took))
		return true
	}
	r.note("the deployment failed after %v: %v: %s", brief(took), err, lastLines(out.String(), 4))
	return refused(out.String())
}

// refused is whether all that failed was refused with a reason: exit code 75 and nothing else.
func refused(out string) bool {
	n := 0
	for line := range strings.Lines(out) {
		if code, ok := strings.CutPrefix(line, "code "); ok {
			if n++; strings.TrimSpace(code) != "75" {
				return false
			}
		}
	}
	return n > 0 && strings.Contains(out, "bulkhead: exec: ")
}

// lastLines is the end of a text, in one line.
func lastLines(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-n):], "; ")
}

// release is a zip archive of a few files that do not shrink.
func release(rng *rand.Rand) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 8 {
		f, err := z.Create(fmt.Sprintf("vendor/part%d/data.php", i))
		if err != nil {
			panic(err) // memory does not fail
		}
		data := make([]byte, 128<<10)
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		if _, err := f.Write(data); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}
