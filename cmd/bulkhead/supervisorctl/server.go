package supervisorctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bulkhead/supervisor/xmlrpc"
)

// server is where questions go, or why there is nowhere to go.
type server struct {
	client *xmlrpc.Client
	err    error
}

// dial returns the server that opts name. Nothing is connected yet.
func dial(opts Options) server {
	if !strings.HasPrefix(opts.ServerURL, "http://") && !strings.HasPrefix(opts.ServerURL, "unix://") {
		return server{err: valueError("Unknown protocol for serverurl " + opts.ServerURL)}
	}
	client, err := xmlrpc.Dial(opts.ServerURL, opts.Username, opts.Password)
	return server{client, err}
}

func (s server) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// call asks for a method of the supervisor namespace.
func (s server) call(ctx context.Context, method string, args ...any) (any, error) {
	return s.in(ctx, "supervisor", method, args)
}

// own asks for a method that bulkhead alone has.
func (s server) own(ctx context.Context, method string, args ...any) (any, error) {
	return s.in(ctx, "bulkhead", method, args)
}

func (s server) in(ctx context.Context, namespace, method string, args []any) (any, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.client.Call(ctx, namespace+"."+method, args...)
}

// stream prints what the server sends at path, until it or ctx ends. What goes
// wrong is said and changes no exit code, as with supervisorctl.
func (c *Controller) stream(ctx context.Context, path string) {
	where := c.opts.ServerURL + path
	log, err := c.server.client.Stream(ctx, path)
	var status *xmlrpc.StatusError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &status):
		fmt.Fprintf(c.err, "%s Cannot read, status code %d\n", where, status.Code)
	case err != nil:
		fmt.Fprintf(c.err, "%s Cannot connect, error: %s\n", where, traceback(err))
	default:
		defer log.Close()
		_, _ = io.Copy(c.out, log) // raw: a log is the program's own words
	}
}
