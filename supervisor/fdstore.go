package supervisor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// systemd keeps copies of descriptors for a service (FileDescriptorStoreMax=), and
// hands them to its next process: after a crash and on restart, not after a
// stop (sd_notify(3); seen with systemd 252). With the two sockets kept that way
// nobody is refused while there is no supervisor: who connects waits in the
// listening socket's queue, what programs tell waits in the notify socket's.
// When systemd gives the service up it closes them, and everybody is refused.

// storeFDs hands copies of sockets that are bound to a path to systemd, by
// name; what it holds already stays once. Without systemd nothing is done. Names
// are of [a-z-]. Which file a socket belongs to goes into the name; of one that
// has another name by now than it was bound to, it cannot be told.
func storeFDs(named map[string]int) error {
	to := os.Getenv("NOTIFY_SOCKET")
	if to == "" || len(named) == 0 {
		return nil
	}
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot store descriptors: %v", err)
	}
	defer unix.Close(conn)
	for name, fd := range named { // one message each: the name is the message's
		file, err := boundFile(fd)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("cannot store descriptor %q: %v", name, err)
		}
		text := "FDSTORE=1\nFDNAME=" + name + "." + file
		if err := unix.Sendmsg(conn, []byte(text), unix.UnixRights(fd), &unix.SockaddrUnix{Name: to}, 0); err != nil {
			return fmt.Errorf("cannot store descriptor %q in %q: %v", name, to, err)
		}
	}
	return nil
}

// storedFDs returns what systemd kept of an earlier process of this service, by
// name: sockets that are still what is found at their path, as far as storeFDs
// could tell. The caller owns them; all are close-on-exec. What else systemd passed is closed, and let go by it. The
// environment says nothing of them any more. Call it once, before anything is opened.
func storedFDs() map[string]int {
	named := map[string]int{}
	var refused []string
	for _, f := range activation.Files(true) {
		name, file, _ := strings.Cut(f.Name(), ".")
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		f.Close()
		if err != nil {
			continue
		}
		now, err := boundFile(fd)
		if errors.Is(err, unix.ENOENT) && file == "" {
			err = nil
		}
		if _, twice := named[name]; err != nil || now != file || twice {
			unix.Close(fd)
			refused = append(refused, f.Name())
			continue
		}
		_ = unix.SetNonblock(fd, true) // the flag is the socket's, and f.Fd() has taken it off
		named[name] = fd
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(refused))) {
		tellSystemd("FDSTOREREMOVE=1\nFDNAME=" + name)
	}
	return named
}

// boundFile identifies the file at the path that a socket is bound to, so that
// a socket whose file was removed or replaced is not taken for the one that others
// reach by that path.
func boundFile(fd int) (string, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	local, ok := name.(*unix.SockaddrUnix)
	if !ok || local.Name == "" || local.Name[0] == '@' {
		return "", errors.New("not a socket with a path")
	}
	var st unix.Stat_t
	if err := unix.Lstat(local.Name, &st); err != nil {
		return "", fmt.Errorf("%q: %w", local.Name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return "", fmt.Errorf("%q: not a socket", local.Name)
	}
	// The time too: a file system may give a number again.
	return strconv.FormatUint(st.Ino, 36) + "-" + strconv.FormatInt(st.Mtim.Nano(), 36), nil
}
