package supervisorctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"

	"bulkhead/supervisor/xmlrpc"
)

// Controller runs command lines against one server.
type Controller struct {
	opts  Options
	out   io.Writer
	err   io.Writer
	input Input

	server server
	code   int      // exit code so far
	names  []Member // for completion, until the next command
}

// New returns a controller of the server that opts name. Nothing is connected
// before the first question.
func New(opts Options, input Input, out, err io.Writer) *Controller {
	return &Controller{opts: opts, out: &shared{w: out}, err: err, input: input, server: dial(opts)}
}

// Code is the exit code of the lines that were run so far.
func (c *Controller) Code() int { return c.code }

// Options are those of New, with what the user has said since.
func (c *Controller) Options() Options { return c.opts }

// Close ends idle connections.
func (c *Controller) Close() { c.server.close() }

// Speaks asks whether it is supervisord's interface that the server has.
func (c *Controller) Speaks(ctx context.Context) bool {
	_, err := c.server.call(ctx, "getVersion")
	return err == nil || faulted(err) != 0 || c.unauthorized(err)
}

var (
	errQuit        = errors.New("the user has had enough")
	errInterrupted = errors.New("interrupted")
	errNoInput     = errors.New("no more input")
	errTold        = errors.New("the user has been told") // and the exit code set
)

// Run carries out one command line and prints what there is to say. Ctrl-C
// while it waits for an answer ends it, with done, as does quit.
func (c *Controller) Run(line string) (done bool) {
	verb, arg, ok := ParseLine(line)
	if !ok {
		return false
	}
	do, known := verbs[verb]
	if !known {
		c.fail(exitGeneric, "*** Unknown syntax: %s", unhelped(line))
		return false
	}
	c.names = nil
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := do.run(c, ctx, arg)
	for c.unauthorized(err) && c.opts.Interactive {
		if err = c.logIn(ctx); err == nil {
			err = do.run(c, ctx, arg)
		}
	}
	switch {
	case err == nil, errors.Is(err, errTold):
		return false
	case errors.Is(err, errQuit):
		return true
	case ctx.Err() != nil, errors.Is(err, errInterrupted):
		c.code = exitInterrupted
		c.say("")
		return true
	case c.unauthorized(err):
		c.say("Server requires authentication")
	}
	c.fail(exitGeneric, "error: %s", traceback(err))
	return false
}

// ParseLine takes a line apart as Python's cmd does: the verb ends with the
// first character that no identifier has. "?" is help. ok is false for a line
// with nothing in it.
func ParseLine(line string) (verb, arg string, ok bool) {
	line = unhelped(line)
	end := strings.IndexFunc(line, func(r rune) bool {
		return !(r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if end < 0 {
		end = len(line)
	}
	return line[:end], strings.TrimSpace(line[end:]), line != ""
}

func unhelped(line string) string {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, "?"); ok {
		return "help " + rest
	}
	return line
}

func (c *Controller) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// fail says what is wrong and sets the exit code.
func (c *Controller) fail(code int, format string, args ...any) error {
	c.say(format, args...)
	c.code = code
	return errTold
}

// misused is fail, and below it how the verb is used.
func (c *Controller) misused(verb string, code int, format string, args ...any) error {
	err := c.fail(code, format, args...)
	c.say("%s", verbs[verb].help)
	return err
}

func (c *Controller) unauthorized(err error) bool {
	var status *xmlrpc.StatusError
	return errors.As(err, &status) && status.Code == http.StatusUnauthorized
}

// logIn asks for a name and a password and goes on with these.
func (c *Controller) logIn(ctx context.Context) error {
	c.say("Server requires authentication")
	user, err := c.input.Line(ctx, "Username:")
	if err != nil {
		return noInput(err)
	}
	secret, err := c.input.Secret(ctx, "Password:")
	if err != nil {
		return noInput(err)
	}
	c.say("")
	c.opts.Username, c.opts.Password = user, secret
	c.reconnect()
	return nil
}

// noInput tells an input that has ended from a connection that has.
func noInput(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoInput
	}
	return err
}

func (c *Controller) reconnect() {
	c.server.close()
	c.server = dial(c.opts)
}

// shared is a writer for several at once: fg shows two logs and says things itself.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(text)
}
