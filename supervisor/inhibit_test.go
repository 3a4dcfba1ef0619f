package supervisor

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

// bus starts a bus of the test's own, as the system's.
func bus(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Fatal("dbus-daemon is not installed")
	}
	address := "unix:path=" + filepath.Join(t.TempDir(), "bus")
	cmd := exec.Command(path, "--session", "--nofork", "--nopidfile", "--print-address", "--address="+address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it listens now
		t.Fatalf("the bus: %v", err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
}

// logind is what inhibitShutdown speaks to.
type logind struct {
	t    *testing.T
	conn *dbus.Conn

	mu        sync.Mutex
	preparing bool
	refuses   bool
	lock      *os.File // our own copy of what we gave, until that has arrived
	held      *os.File // the lock's other end: at its end when nobody has the lock
	asked     chan []string
	gets      chan struct{}
}

func newLogind(t *testing.T) *logind {
	t.Helper()
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &logind{t: t, conn: conn, asked: make(chan []string, 1), gets: make(chan struct{}, 16)}
	for _, name := range []string{logindName + ".Manager", "org.freedesktop.DBus.Properties"} {
		if err := conn.Export(l, logindPath, name); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := conn.RequestName(logindName, 0); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name: %v, %v", r, err)
	}
	return l
}

// Inhibit is logind's.
func (l *logind) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked <- []string{what, mode}
	if l.refuses {
		return 0, dbus.NewError("org.freedesktop.login1.OperationInProgress", nil)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.t.Cleanup(func() { _ = r.Close() })
	l.held, l.lock = r, w
	return dbus.UnixFD(w.Fd()), nil
}

// Get is that of its properties.
func (l *logind) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock != nil { // who asks has got it
		_ = l.lock.Close()
		l.lock = nil
	}
	l.gets <- struct{}{}
	return dbus.MakeVariant(l.preparing), nil
}

func (l *logind) prepare(is bool) {
	l.t.Helper()
	l.mu.Lock()
	l.preparing = is
	l.mu.Unlock()
	if err := l.conn.Emit(logindPath, logindCall+"PrepareForShutdown", is); err != nil {
		l.t.Fatal(err)
	}
}

func TestInhibitShutdown(t *testing.T) {
	bus(t)
	l := newLogind(t)
	ctx, end := context.WithCancel(t.Context())
	begun, done := make(chan struct{}), make(chan struct{})
	core, said := observer.New(zap.DebugLevel)
	go func() {
		defer close(done)
		inhibitShutdown(ctx, func() { close(begun) }, zap.New(core)) // a second call panics
	}()
	if got := strings.Join(<-l.asked, " "); got != "shutdown delay" {
		t.Errorf("asked for %q", got)
	}
	// Neither one that was called off nor one that somebody else made up, sent to
	// everybody or to us alone, is one.
	l.prepare(false)
	forger, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = forger.Close() }()
	var names []string
	if err := forger.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names); err != nil {
		t.Fatal(err)
	}
	if err := forger.Emit(logindPath, logindCall+"PrepareForShutdown", true); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, ":") {
			m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldPath: dbus.MakeVariant(logindPath), dbus.FieldInterface: dbus.MakeVariant(logindName + ".Manager"),
				dbus.FieldMember: dbus.MakeVariant("PrepareForShutdown"), dbus.FieldDestination: dbus.MakeVariant(name),
				dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(true)),
			}, Body: []any{true}}
			forger.Send(m, nil)
		}
	}
	for range 2 { // the one that is logind's, and the one to us alone
		<-l.gets
	}
	select {
	case <-begun:
		t.Fatal("begun without a shutdown")
	default:
	}
	l.prepare(true)
	<-begun
	lock := []unix.PollFd{{Fd: int32(l.held.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(lock, 0); n != 0 || err != nil {
		t.Errorf("the lock was given back before the end: %d, %v", n, err)
	}
	end()
	<-done
	if n, err := l.held.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the lock after the end: %d, %v", n, err)
	}
	if said.Len() > 0 {
		t.Errorf("said %v", said.All())
	}
}

func TestInhibitShutdownUnderWay(t *testing.T) {
	bus(t)
	l := newLogind(t)
	l.mu.Lock()
	l.preparing, l.refuses = true, true
	l.mu.Unlock()
	n := 0
	inhibitShutdown(t.Context(), func() { n++ }, zap.NewNop())
	if n != 1 {
		t.Errorf("begun %d times", n)
	}
}

func TestInhibitShutdownWithoutLogind(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T){
		"no bus": func(t *testing.T) {
			t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
		},
		"no logind": bus,
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			core, said := observer.New(zap.DebugLevel)
			inhibitShutdown(t.Context(), func() { t.Error("begun") }, zap.New(core))
			if said.Len() != 1 || said.All()[0].Level != zap.DebugLevel {
				t.Errorf("said %v", said.All())
			}
		})
	}
}
