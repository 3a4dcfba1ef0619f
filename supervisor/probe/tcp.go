package probe

import (
	"context"
	"net"
)

// TCP connects to host:port and closes again. The kernel takes connections for whoever
// listens until its queue is full: that they are answered too only HTTP tells.
func TCP(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return inShort(ctx, err)
	}
	conn.Close()
	return nil
}
