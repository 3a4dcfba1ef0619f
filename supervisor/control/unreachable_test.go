package control

import (
	"context"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhoMay(t *testing.T) {
	const www, nobody = 33, 65534 // Debian's www-data; no such group there has the name "nobody"
	for _, tt := range []struct {
		mode     fs.FileMode
		uid, gid uint32
		want     string
	}{
		{0o700, 0, 0, "run as root"},
		{0o770, 0, 0, "run as root"},
		{0o770, 0, www, `run as root or add yourself to group "www-data"`},
		{0o750, 0, www, "run as root"}, // to read is not enough
		{0o700, www, www, `run as root or "www-data"`},
		{0o770, www, 54321, `run as root or "www-data" or add yourself to group number 54321`},
		{0o700, 54321, 0, "run as root or uid 54321"},
		{0o700, nobody, 0, `run as root or "nobody"`},
	} {
		if got := who(tt.mode|fs.ModeSocket, tt.uid, tt.gid); got != tt.want {
			t.Errorf("%v %d:%d: %q, want %q", tt.mode, tt.uid, tt.gid, got, tt.want)
		}
	}
}

// Root cannot provoke the kernel's EACCES, so the error is given.
func TestPermissionDenied(t *testing.T) {
	denied := &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}}
	path := filepath.Join(t.TempDir(), "s")
	err := Dial(path).unreachable(context.Background(), denied)
	dead, ok := err.(*UnreachableError)
	if want := "cannot reach unix://" + path + ": permission denied: run as root"; !ok || dead.Cause != NotAllowed || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
