package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A play is a directory of streams, the logs they go to, and processes that pump
// and die. The test's own process stands for the keeper.
type play struct {
	Dir, Logs string
	Files     []string // of each stream
	MaxBytes  int64
	Long      bool // lines longer than FIFO and stage, where no file is shared

	Kill string // step at which the pumping process dies; "" none
	Nth  int    // at its nth time
	Part int    // at "partly": bytes written before
	Last bool   // drain and end in peace

	pumping func()
}

func (p *play) id(n int) StreamID {
	return StreamID{"pro/gram", "inst:" + strconv.Itoa(n), 7, "stdout"}
}

// target is the log of stream n. Rotated files are never dropped here.
func (p *play) target(n int) Target {
	return Target{Path: filepath.Join(p.Logs, p.Files[n]), MaxBytes: p.MaxBytes, Backups: 1 << 20, Shared: strings.HasPrefix(p.Files[n], "shared")}
}

func (p *play) long(n int) bool { return p.Long && !p.target(n).Shared }

// begin makes the streams and returns the children's ends.
func (p *play) begin(t *testing.T) []*os.File {
	t.Helper()
	s := streams(t, p.Dir)
	var ends []*os.File
	for n := range p.Files {
		st, w, err := s.Make(p.id(n))
		if err != nil {
			t.Fatal(err)
		}
		st.r.Close()
		end := os.NewFile(uintptr(w), "w")
		t.Cleanup(func() { end.Close() })
		ends = append(ends, end)
	}
	return ends
}

// doneTap counts lines that end in "done"; its state is the last bytes seen.
func doneTap(st *Stream) Tap {
	count, tail := st.Count(), st.TapState()
	return func(chunk []byte) (uint64, []byte) {
		all := append(bytes.Clone(tail), chunk...)
		count += uint64(bytes.Count(all, []byte("done\n")))
		tail = all[max(0, len(all)-4):] // cannot hold a whole "done\n"
		return count, tail
	}
}

// pump is a supervisor's life.
func (p *play) pump() error {
	s, err := OpenStreams(p.Dir)
	if err != nil {
		return err
	}
	for _, problem := range s.Problems() {
		return problem
	}
	set := NewSet(nil)
	s.holdTime = time.Hour // two-part lines stay whole however slow the machine is
	s.at, set.at = p.at, p.at
	ids, err := s.List()
	if err != nil || len(ids) != len(p.Files) {
		return fmt.Errorf("%d streams are listed, of %d: %v", len(ids), len(p.Files), err)
	}
	var pumps []*Pump
	for n := range p.Files {
		sink, err := set.Open(p.target(n))
		if err != nil {
			return err
		}
		defer sink.Close()
		st, err := s.Reopen(p.id(n))
		if err != nil {
			return err
		}
		out := Outlet{Sink: sink, Tap: doneTap(st)}
		if n%2 == 0 { // nothing is there to be taken out of most plays' lines
			out.Filter = &Filter{StripANSI: true, Capture: 100}
		}
		pump, err := st.StartTo(out)
		if err != nil {
			return err
		}
		pumps = append(pumps, pump)
	}
	if p.pumping != nil {
		p.pumping()
	}
	if !p.Last && p.Kill == "" {
		select {}
	}
	for _, pump := range pumps {
		if !pump.Drain(soon) {
			return fmt.Errorf("not drained")
		}
		pump.Close()
		<-pump.Done()
	}
	return s.Close()
}

var passed atomic.Int64 // times the step was come to

func (p *play) at(step string) {
	partly := p.Kill == "partly" && step == "intended"
	if step != p.Kill && !partly || passed.Add(1) != int64(p.Nth) {
		return
	}
	if partly {
		p.writePart()
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

// writePart does what a write that is cut short would.
func (p *play) writePart() {
	b, err := os.ReadFile(filepath.Join(p.Dir, "books"))
	if err != nil {
		panic(err)
	}
	for n := range p.Files {
		e := books(b).entry(n)
		r, ok := e.intent()
		if e.get(entryState) == 0 || !ok {
			continue
		}
		stage := e.stage()
		data := e.books[slotData(stage.slot)+int(e.get(entryDone)-stage.base):][:r.length]
		f, err := os.OpenFile(filepath.Join(p.Logs, p.Files[n]), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			panic(err)
		}
		if _, err := f.Write(data[:min(len(data)-1, p.Part)]); err != nil {
			panic(err)
		}
		return
	}
	panic("nothing is intended")
}

// line is the nth line of a writer, which a test can tell from its place alone.
func line(writer, n int, long bool) string {
	r := rand.New(rand.NewPCG(uint64(writer), uint64(n)))
	size := r.IntN(60)
	switch k := r.IntN(100); {
	case k < 5:
		size = r.IntN(6 << 10)
	case k == 5 && long:
		size = r.IntN(200 << 10) // longer than FIFO and stage
	}
	end := "\n"
	if r.IntN(3) == 0 {
		end = " done\n"
	}
	return fmt.Sprintf("w%d %d %s%s", writer, n, strings.Repeat(string(rune('a'+n%26)), size), end)
}

// writeLines is a worker: until its standard input ends it writes lines, in
// pieces now and then, and says at last how many.
func writeLines(writer int, long bool) error {
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	r := rand.New(rand.NewPCG(uint64(writer), 0))
	n := 0
	for ; !over.Load(); n++ {
		text := line(writer, n, long)
		for len(text) > 0 {
			piece := len(text)
			if r.IntN(16) == 0 {
				piece = 1 + r.IntN(piece)
			}
			if _, err := os.Stdout.WriteString(text[:piece]); err != nil {
				return err
			}
			if text = text[piece:]; text != "" || r.IntN(32) == 0 {
				time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
			}
		}
	}
	fmt.Fprint(os.Stderr, n)
	return nil
}

// helper is what TestMain calls in a process of its own.
func helper(role string) error {
	var p play
	if role == "pump" {
		if err := json.Unmarshal([]byte(os.Getenv("LOGS_PLAY")), &p); err != nil {
			return err
		}
		p.pumping = upgradable
		return p.pump()
	}
	var writer int
	var long bool
	if _, err := fmt.Sscanf(role, "writer %d %t", &writer, &long); err != nil {
		return err
	}
	return writeLines(writer, long)
}

// upgradable says that pumping has begun, and execs this binary when asked.
func upgradable() {
	upgrade := make(chan os.Signal, 1)
	signal.Notify(upgrade, unix.SIGHUP)
	go func() {
		<-upgrade
		panic(unix.Exec("/proc/self/exe", os.Args, os.Environ()))
	}()
	fmt.Println("pumping")
}

func roleCommand(role string, p *play) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "LOGS_ROLE="+role)
	if p != nil {
		text, err := json.Marshal(p)
		if err != nil {
			panic(err)
		}
		cmd.Env = append(cmd.Env, "LOGS_PLAY="+string(text))
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// life is a pumping process.
type life struct {
	cmd     *exec.Cmd
	pumping chan struct{} // closed when it has begun, or died before
}

func (p *play) life(t *testing.T) *life {
	t.Helper()
	l := &life{roleCommand("pump", p), make(chan struct{})}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = bufio.NewReader(out).ReadString('\n')
		close(l.pumping)
	}()
	return l
}

// end waits for the end and says whether somebody killed it.
func (l *life) end(t *testing.T) (killed bool) {
	t.Helper()
	<-l.pumping
	err := l.cmd.Wait()
	killed = l.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	if err != nil && !killed {
		t.Fatalf("the pumping process ended with %v", err)
	}
	return killed
}

func (l *life) kill(t *testing.T) {
	t.Helper()
	_ = l.cmd.Process.Kill()
	if !l.end(t) {
		t.Fatal("the pumping process has ended by itself")
	}
}

// read returns the whole log of a file, from its oldest part on.
func (p *play) read(t *testing.T, file string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.Logs, file) + ".*")
	if err != nil {
		t.Fatal(err)
	}
	nth := func(name string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(name), "."))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	slices.SortFunc(names, func(a, b string) int { return nth(b) - nth(a) })
	var all strings.Builder
	for _, name := range append(names, filepath.Join(p.Logs, file)) {
		text, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
