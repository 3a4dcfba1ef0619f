package keeper

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive reads one packet. fd is -1 where it brought none; lost: it brought
// one that could not be taken. Room for a second descriptor is not given: the
// kernel closes it and says so.
func receive(conn int, b []byte) (n, fd int, lost bool, err error) {
	var oob [unix.SizeofCmsghdr + 4]byte // without CMSG_SPACE's padding, which has room for one more
	n, oobn, flags, err := recvmsg(conn, b, oob[:])
	// A peer that died with answers unread is told of once, before what it
	// had sent (net/unix/af_unix.c, unix_release_sock): read on.
	for err == unix.EINTR || err == unix.ECONNRESET {
		n, oobn, flags, err = recvmsg(conn, b, oob[:])
	}
	if err != nil {
		return 0, -1, false, err
	}
	fd = descriptor(oob[:oobn])
	truncated := flags&unix.MSG_CTRUNC != 0
	if flags&unix.MSG_TRUNC != 0 || truncated && fd >= 0 {
		closeFD(fd)
		return 0, -1, false, unix.EMSGSIZE
	}
	return n, fd, truncated, nil
}

// recvmsg is unix.Recvmsg without the sender's address, which is garbage.
func recvmsg(conn int, b, oob []byte) (n, oobn, flags int, err error) {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	msg := unix.Msghdr{Iov: &iov, Control: &oob[0]}
	msg.SetIovlen(1)
	msg.SetControllen(len(oob))
	got, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(conn), uintptr(unsafe.Pointer(&msg)), unix.MSG_CMSG_CLOEXEC)
	switch errno {
	case 0:
		return int(got), int(msg.Controllen), int(msg.Flags), nil
	case unix.EAGAIN:
		return 0, 0, 0, unix.EAGAIN // a constant: no garbage either
	}
	return 0, 0, 0, errno
}

// descriptor is the one in a control message, or -1.
func descriptor(oob []byte) int {
	if len(oob) == 0 {
		return -1
	}
	head, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_RIGHTS || len(data) < 4 {
		return -1
	}
	return int(int32(binary.NativeEndian.Uint32(data)))
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
