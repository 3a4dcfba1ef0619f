package supervisorctl

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

const maxAnswer = 256 << 20 // a server that sends more is none of ours

// server is where questions go.
type server struct {
	opts Options
	host string // as the Host header and URLs have it
	http *http.Client
	err  error // why there is nowhere to go
}

// dial returns the server that opts name. Nothing is connected yet.
func dial(opts Options) *server {
	s := &server{opts: opts, host: "localhost"}
	path, unix := strings.CutPrefix(opts.ServerURL, "unix://")
	if !unix {
		u, err := url.Parse(opts.ServerURL)
		if err != nil || u.Scheme != "http" {
			s.err = valueError("Unknown protocol for serverurl " + opts.ServerURL)
			return s
		}
		s.host = u.Host
	}
	dialer := &net.Dialer{}
	s.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if unix {
					network, address = "unix", path
				}
				return dialer.DialContext(ctx, network, address)
			},
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

func (s *server) close() {
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
}

// call asks for a method of the supervisor namespace. Its error is a fault, a
// statusError, or what the connection said.
func (s *server) call(ctx context.Context, method string, args ...any) (any, error) {
	if s.err != nil {
		return nil, s.err
	}
	body, err := encodeCall("supervisor."+method, args)
	if err != nil {
		return nil, err
	}
	resp, err := s.send(ctx, http.MethodPost, "/RPC2", body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{resp.StatusCode}
	}
	return decodeAnswer(io.LimitReader(resp.Body, maxAnswer))
}

func (s *server) send(ctx context.Context, verb, path string, body []byte) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: s.host, Path: path}
	req, err := http.NewRequestWithContext(ctx, verb, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, valueError(err.Error())
	}
	if body != nil {
		req.Header.Set("Content-Type", "text/xml")
		req.Header.Set("Accept", "text/xml")
	}
	if s.opts.Username != nil && s.opts.Password != nil {
		req.SetBasicAuth(*s.opts.Username, *s.opts.Password)
	}
	return s.http.Do(req)
}

// stream prints what the server sends at path, until it or ctx ends. What goes
// wrong is said and changes no exit code, as with supervisorctl.
func (c *Controller) stream(ctx context.Context, path string) {
	where := c.opts.ServerURL + path
	resp, err := c.server.send(ctx, http.MethodGet, path, nil)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		fmt.Fprintf(c.err, "%s Cannot connect, error: %s\n", where, traceback(err))
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		fmt.Fprintf(c.err, "%s Cannot read, status code %d\n", where, resp.StatusCode)
		return
	}
	_, _ = io.Copy(c.out, resp.Body) // raw: a log is the program's own words
}
