package supervisor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newInlet(t *testing.T) (*inlet, int) {
	t.Helper()
	in, r, err := makeInlet(inletPath(t.TempDir(), runName{"queue", "queue_00", 3}))
	if err != nil {
		t.Fatal(err)
	}
	return in, r
}

func TestInletSend(t *testing.T) {
	in, r := newInlet(t)
	defer unix.Close(r)
	for _, text := range []string{"first\n", "second\n"} {
		if err := in.send(context.Background(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 64)
	if n, err := unix.Read(r, buf); err != nil || string(buf[:n]) != "first\nsecond\n" {
		t.Fatalf("read %q, %v", buf[:max(n, 0)], err)
	}
	if err := in.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(in.path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("it is still there")
	}
	if err := in.send(context.Background(), []byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("after its end: %v", err)
	}
}

// TestInletFound: a successor opens it by name while the child has it open, and what
// was sent before is still there.
func TestInletFound(t *testing.T) {
	in, r := newInlet(t)
	defer unix.Close(r)
	if err := in.send(context.Background(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	in.f.Close()
	again := &inlet{path: in.path}
	if err := again.send(context.Background(), []byte("b")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, _ := unix.Read(r, buf); string(buf[:max(n, 0)]) != "ab" {
		t.Fatalf("read %q", buf[:max(n, 0)])
	}
}

// TestInletClosed: the child has closed its standard input, before or after the first send.
func TestInletClosed(t *testing.T) {
	in, r := newInlet(t)
	if err := in.send(context.Background(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	unix.Close(r)
	if err := in.send(context.Background(), []byte("b")); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("opened before: %v", err)
	}
	in, r = newInlet(t)
	unix.Close(r)
	if err := in.send(context.Background(), []byte("b")); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("not opened before: %v", err)
	}
}

// TestInletFull: a child that does not read costs its sender his patience and nothing more.
func TestInletFull(t *testing.T) {
	in, r := newInlet(t)
	defer unix.Close(r)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error)
	go func() { failed <- in.send(ctx, make([]byte, 1<<20)) }()
	for n := 0; n == 0; { // until the pipe has something
		var err error
		if n, err = unix.IoctlGetInt(r, unix.TIOCINQ); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "does not read") {
		t.Fatalf("%v", err)
	}
}

func TestInletPathIsNoOthers(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range []runName{{"a", "b", 1}, {"a", "b", 11}, {"a", "b1", 1}, {"a.b", "c", 1}, {"a", "b.c", 1}} {
		path := inletPath("/d", n)
		if seen[path] || filepath.Dir(path) != "/d/stdin" {
			t.Errorf("%v: %s", n, path)
		}
		seen[path] = true
	}
}
