package logs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKilledWithAFilter: a chunk of which something is taken out is never lost, and
// doubled only by a kill between its write and the note of it.
func TestKilledWithAFilter(t *testing.T) {
	for step, want := range map[string]string{
		"staged":  "one\nthree\n",
		"tapped":  "one\nthree\n",
		"counted": "one\nthree\n",
		"written": "one\nthree\none\nthree\n",
		"noted":   "one\nthree\n",
		"settled": "one\nthree\n",
	} {
		t.Run(step, func(t *testing.T) {
			p := &play{Dir: filepath.Join(t.TempDir(), "run"), Logs: t.TempDir(), Files: []string{"log"}, Kill: step, Nth: 1}
			w := p.begin(t)[0]
			fmt.Fprint(w, "one\n"+captureBegin+"two"+captureEnd+"\x1b[31mthree\x1b[0m\n")
			if !p.life(t).end(t) {
				t.Fatal("it was not killed")
			}
			p.Kill, p.Last = "", true
			if p.life(t).end(t) {
				t.Fatal("its successor was killed")
			}
			if got := p.read(t, "log"); got != want {
				t.Errorf("logged %q, want %q", got, want)
			}
		})
	}
}

// TestKilledAtRandom: writers write while their pumps are killed, and upgraded
// in place, again and again. Every line is there once, in order, and every done one is counted.
func TestKilledAtRandom(t *testing.T) {
	kills := 60
	if text := os.Getenv("LOGS_KILLS"); text != "" {
		fmt.Sscan(text, &kills)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LOGS_SEED"); text != "" {
		fmt.Sscan(text, &seed)
	}
	t.Logf("LOGS_SEED=%d LOGS_KILLS=%d", seed, kills)
	r := rand.New(rand.NewPCG(seed, 0))
	p := &play{Dir: filepath.Join(t.TempDir(), "run"), Logs: t.TempDir(), MaxBytes: 1 << 20,
		Long: true, Files: []string{"one", "two", "shared", "shared", "shared"}}
	ends := p.begin(t)
	type worker struct {
		cmd  *exec.Cmd
		in   io.Closer
		said *bytes.Buffer
	}
	var workers []worker
	for n, end := range ends {
		cmd := roleCommand(fmt.Sprintf("writer %d %t", n, p.long(n)), nil)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		said := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = end, said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		workers = append(workers, worker{cmd, in, said})
	}
	for range kills {
		after := time.Duration(r.IntN(25_000)) * time.Microsecond
		early := r.IntN(8) == 0
		l := p.life(t)
		if !early {
			<-l.pumping
		}
		for range r.IntN(3) {
			time.Sleep(after / 2)
			_ = l.cmd.Process.Signal(unix.SIGHUP)
		}
		time.Sleep(after)
		l.kill(t)
	}
	// The writers may be waiting for room to end.
	l := p.life(t)
	counts := make([]int, len(workers))
	for n, w := range workers {
		w.in.Close()
		if err := w.cmd.Wait(); err != nil {
			t.Errorf("writer %d: %v, %s", n, err, w.said)
		}
		if _, err := fmt.Sscan(w.said.String(), &counts[n]); err != nil {
			t.Fatalf("writer %d says %q", n, w.said)
		}
	}
	l.kill(t)
	p.Last = true
	if p.life(t).end(t) {
		t.Fatal("the last pumping process was killed")
	}
	p.verify(t, counts)
}

// verify checks that of each writer's lines the first so many are in the files,
// and the count of its stream.
func (p *play) verify(t *testing.T, counts []int) {
	s := streams(t, p.Dir)
	for n, count := range counts {
		got := p.read(t, p.Files[n])
		shared := p.target(n).Shared
		prefix := fmt.Sprintf("w%d ", n)
		next, done := 0, 0
		for l := range strings.Lines(got) {
			if shared && !strings.HasPrefix(l, prefix) {
				continue
			}
			if want := line(n, next, p.long(n)); l != want {
				t.Fatalf("writer %d: in place of line %d, %.40q (%d bytes), there is %.40q (%d bytes)", n, next, want, len(want), l, len(l))
			}
			if strings.HasSuffix(l, "done\n") {
				done++
			}
			next++
		}
		st, err := s.Reopen(p.id(n))
		if err != nil {
			t.Fatal(err)
		}
		if next != count || int(st.Count()) != done {
			t.Errorf("writer %d: %d lines of %d, %d done and %d counted", n, next, count, done, st.Count())
		}
		t.Logf("writer %d: %d lines, %d done", n, next, done)
		if err := st.Remove(); err != nil {
			t.Error(err)
		}
	}
}

// TestKilledAtEveryStep dies at each step when it comes to it first, first again
// in the next life, and for the second time.
func TestKilledAtEveryStep(t *testing.T) {
	for _, file := range []string{"one", "shared"} {
		for _, step := range []string{"staged", "tapped", "counted", "intended", "partly", "written", "noted", "moved", "settled", "shifted"} {
			if step == "moved" && file != "shared" {
				continue // nothing is held
			}
			for nth := 1; nth <= 2; nth++ {
				t.Run(fmt.Sprint(file, " ", step, " ", nth), func(t *testing.T) { killedAt(t, file, step, nth) })
			}
		}
	}
}

func killedAt(t *testing.T, file, step string, nth int) {
	p := &play{Dir: filepath.Join(t.TempDir(), "run"), Logs: t.TempDir(), MaxBytes: 50_000, Files: []string{file}, Kill: step, Nth: nth, Part: 1000 * nth}
	end := p.begin(t)[0]
	count := 0
	size := 0
	for ; size < 160<<10; count++ { // less than the FIFO has room for
		n, err := end.WriteString(line(0, count, false))
		if err != nil {
			t.Fatal(err)
		}
		size += n
	}
	last := line(0, count, false)
	count++
	half := len(last) / 2
	fmt.Fprint(end, last[:half])
	if !p.life(t).end(t) && nth == 1 {
		t.Error("the step was not come to")
	}
	if nth == 1 {
		p.life(t).end(t) // the successor dies at the same place, when it comes to it
	}
	fmt.Fprint(end, last[half:])
	p.Last, p.Kill = true, ""
	if err := p.pump(); err != nil {
		t.Fatal(err)
	}
	p.verify(t, []int{count})
}
