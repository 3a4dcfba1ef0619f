package xmlrpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer is the most that is read of an answer: a whole log may be in it.
const maxAnswer = 256 << 20

// Client calls one supervisord, or whoever speaks as it does.
type Client struct {
	server     string // as the user wrote it
	base       string
	user, pass string
	http       *http.Client
}

// Dial returns a client of a server URL of supervisorctl: http://host:port or
// unix:///path. Nothing is connected yet. Without a user nothing is
// said about one.
func Dial(serverURL, user, pass string) (*Client, error) {
	c := &Client{server: serverURL, user: user, pass: pass}
	transport := &http.Transport{DisableCompression: true}
	c.http = &http.Client{Transport: transport}
	if path, ok := strings.CutPrefix(serverURL, "unix://"); ok {
		if path == "" {
			return nil, fmt.Errorf("cannot use server URL %q: no path", serverURL)
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		c.base = "http://localhost"
		return c, nil
	}
	u, err := url.Parse(serverURL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("cannot use server URL %q: want http://host:port or unix:///path", serverURL)
	}
	c.base = "http://" + u.Host
	return c, nil
}

// StatusError is an HTTP answer that is not 200: 401 is a wrong user or password.
type StatusError struct {
	URL    string
	Code   int
	Status string // in words
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.URL, e.Code, e.Status)
}

// Call calls a method. Its error is a [*Fault] of the server's, a [*StatusError], or what the
// network said, in which syscall.ECONNREFUSED and fs.ErrNotExist can be found.
func (c *Client) Call(ctx context.Context, method string, args ...any) (any, error) {
	var body bytes.Buffer
	if err := EncodeCall(&body, Call{method, args}); err != nil {
		return nil, fmt.Errorf("cannot call %s: %w", method, err)
	}
	answer, err := c.send(ctx, http.MethodPost, "/RPC2", &body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	v, err := DecodeResult(io.LimitReader(answer, maxAnswer))
	_, _ = io.Copy(io.Discard, answer) // to the end, so that the connection can be used again
	return v, err
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stream opens a path of the server's, such as /logtail/NAME/stdout, to be read
// until ctx ends or the server does.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.send(ctx, http.MethodGet, path, nil)
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %w", c.server, err)
	}
	req.Header.Set("Accept", "text/xml")
	if body != nil {
		req.Header.Set("Content-Type", "text/xml")
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, c.pass)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %w", c.server, cause(err))
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, &StatusError{c.server + path, answer.StatusCode, http.StatusText(answer.StatusCode)}
	}
	return answer.Body, nil
}

// cause leaves out the URL that net/http adds: it is one of our own making.
func cause(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}
