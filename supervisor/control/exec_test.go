package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

const (
	sailEnv  = "CONTROL_TEST_DIR"    // makes this test binary a server in that directory
	handEnv  = "CONTROL_TEST_HANDED" // the descriptor of what the image before has left
	sailFile = "run/b.sock"
)

// handed is what one image leaves the next.
type handed struct {
	State    hold
	Carried  []control.Carried
	Listener int
}

// sail is the main function of the server that really executes itself.
func sail(dir string) {
	err := func() error {
		path := filepath.Join(dir, sailFile)
		h := handed{State: hold{Dir: dir}}
		var l net.Listener
		var err error
		if fd := os.Getenv(handEnv); fd != "" {
			if err := readHanded(fd, &h); err != nil {
				return err
			}
			l, err = control.Inherit(h.Listener, path)
		} else {
			l, err = control.Listen(path, 0o600, -1, -1)
		}
		if err != nil {
			return err
		}
		h.State.Image++
		s := newShip(context.Background(), h.State)
		srv := control.NewServer(s, nil)
		s.upgrade = func(s *ship) { becomeNext(s, srv, l) }
		if err := srv.Carry(h.Carried); err != nil {
			return err
		}
		go func() {
			for range time.Tick(500 * time.Microsecond) {
				if err := s.emit(); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}()
		fmt.Println("ready")
		return srv.Serve(context.Background(), l)
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func readHanded(fd string, h *handed) error {
	n, err := strconv.Atoi(fd)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(n), "handed")
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return json.NewDecoder(f).Decode(h)
}

// becomeNext executes this binary again, after an attempt that fails.
func becomeNext(s *ship, srv *control.Server, l net.Listener) {
	srv.Freeze()
	_ = unix.Exec("/nonexistent", nil, nil)
	srv.Thaw()
	err := func() error {
		f, err := control.ListenerFile(l)
		if err != nil {
			return err
		}
		h := handed{State: s.state, Carried: srv.Freeze(), Listener: int(f.Fd())}
		mem, err := unix.MemfdCreate("handed", 0)
		if err != nil {
			return err
		}
		defer f.Close() // and not before
		text, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if _, err := unix.Write(mem, text); err != nil {
			return err
		}
		if err := os.Setenv(handEnv, strconv.Itoa(mem)); err != nil {
			return err
		}
		for _, c := range append(h.Carried, control.Carried{FD: h.Listener}) {
			if _, err := unix.FcntlInt(uintptr(c.FD), unix.F_SETFD, 0); err != nil {
				return err
			}
		}
		return unix.Exec("/proc/self/exe", os.Args, os.Environ())
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// embark starts the server and returns its socket.
func embark(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, sailFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	launch(t, dir)
	return path
}

// launch starts a server in dir and returns what kills it.
func launch(t *testing.T, dir string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sailEnv+"="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when this test runs out of time
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(kill)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal("the server did not start")
	}
	return kill
}

// The real thing: a process that executes itself several times while clients
// wait for orders, follow streams, are idle, or in the middle of a sentence.
func TestExec(t *testing.T) {
	path := embark(t)
	c, ctx := dial(t, path), t.Context()
	const images = 6
	var wg sync.WaitGroup
	for i := range 5 {
		name := fmt.Sprintf("slow%d", i)
		wg.Go(func() {
			out, err := dial(t, path).Do(ctx, control.Order{Verb: "stop", Names: []string{name}})
			if err != nil || len(out) != 1 || out[0].Name != name || out[0].Done != "stopped" {
				t.Errorf("%s: %v, %v", name, out, err)
			}
		})
	}
	followEvents(ctx, t, c, &wg, images)
	followLines(ctx, t, c, &wg, images)
	idle := make([]net.Conn, 100)
	for i := range idle {
		idle[i] = connect(t, path)
		askVersion(t, idle[i], 1)
	}
	var worst time.Duration
	for image := 1; image < images; image++ {
		half := connect(t, path)
		fmt.Fprint(half, "GET /v1/vers")
		start := time.Now()
		out, err := c.Do(ctx, control.Order{Verb: "upgrade"})
		if want := fmt.Sprintf("upgraded: %d -> %d", image, image+1); err != nil || len(out) != 1 || out[0].Done != want {
			t.Fatalf("upgrade: %v, %v, want %s", out, err, want)
		}
		worst = max(worst, time.Since(start))
		for _, conn := range idle {
			askVersion(t, conn, image+1)
		}
		fmt.Fprint(half, "ion HTTP/1.1\r\nHost: x\r\n\r\n")
		checkVersion(t, half, image+1)
	}
	t.Logf("from the order to its answer by the next image, with %d connections: at most %v", len(idle), worst)
	for i := range 5 {
		if _, err := c.Do(ctx, control.Order{Verb: "start", Names: []string{fmt.Sprintf("slow%d", i)}}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func askVersion(t *testing.T, c net.Conn, image int) {
	t.Helper()
	fmt.Fprint(c, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
	checkVersion(t, c, image)
}

func checkVersion(t *testing.T, c net.Conn, image int) {
	t.Helper()
	if code, body := answerOf(t, bufio.NewReader(c)); code != 200 || !strings.Contains(body, fmt.Sprintf(`"pid":%d,`, image)) {
		t.Fatalf("%d %q, want image %d", code, body, image)
	}
}

// followEvents follows until the last image has written some.
func followEvents(ctx context.Context, t *testing.T, c *control.Client, wg *sync.WaitGroup, last int) {
	enough := fmt.Errorf("enough")
	wg.Go(func() {
		next := uint64(1)
		err := c.Events(ctx, 0, true, func(e control.Event) error {
			if e.Serial != next {
				return fmt.Errorf("event %d, want %d", e.Serial, next)
			}
			next++
			if e.Message == fmt.Sprintf("by image %d", last) {
				return enough
			}
			return nil
		})
		if err != enough {
			t.Errorf("events ended after %d: %v", next-1, err)
		}
	})
}

// followLines does the same with the log, from wherever it is.
func followLines(ctx context.Context, t *testing.T, c *control.Client, wg *sync.WaitGroup, last int) {
	log, err := c.Tail(ctx, "a", "stdout", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		defer log.Close()
		lines := bufio.NewScanner(log)
		before, n, image := 0, 0, 0
		for image < last && lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "line %d of image %d", &n, &image); err != nil || before != 0 && n != before+1 {
				t.Errorf("line %q after %d", lines.Text(), before)
				return
			}
			before = n
		}
		if image != last {
			t.Errorf("the log ended in image %d: %v", image, lines.Err())
		}
	})
}
