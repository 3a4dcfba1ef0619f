package supervisorctl

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"bulkhead/supervisor/xmlrpc"
)

// api is the version of the interface that is spoken here.
const api = "3.0"

// upcheck asks the server whether it is there and speaks our version, which
// most verbs do before anything else, and says so if not.
func (c *Controller) upcheck(ctx context.Context) error {
	answer, err := c.server.call(ctx, "getVersion")
	var f *xmlrpc.Fault
	switch {
	case errors.As(err, &f) && f.Code == unknownMethod:
		return c.fail(exitUnimplemented, "Sorry, supervisord responded but did not recognize the supervisor namespace commands that "+
			"supervisorctl uses to control it.  Please check that the [rpcinterface:supervisor] section is enabled in the "+
			"configuration file (see sample.conf).")
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.fail(exitRefused, "%s refused connection", c.opts.ServerURL)
	case errors.Is(err, fs.ErrNotExist):
		return c.fail(exitNotRunning, "%s no such file", c.opts.ServerURL)
	case err != nil:
		return err
	case text(answer) != api:
		return c.fail(exitVersion, "Sorry, this version of supervisorctl expects to talk to a server with API version %s, but the "+
			"remote version is %s.", api, text(answer))
	}
	return nil
}
