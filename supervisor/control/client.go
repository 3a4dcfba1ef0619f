package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	maxAnswer   = 256 << 20 // a server that sends more is not ours
)

// Client asks one server. It is safe for several goroutines. A method whose
// server cannot be reached returns an [UnreachableError], one that was refused
// as a whole an [Error].
type Client struct {
	path       string
	http       *http.Client
	user, pass string
}

// Authorize has the client say who it is, to a server that asks.
func (c *Client) Authorize(user, pass string) { c.user, c.pass = user, pass }

// Dial returns a client of the server whose socket is at path. Nothing is
// connected before the first question.
func Dial(path string) *Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &Client{path: path, http: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", path)
			},
			DisableCompression:  true,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// URL names the socket as supervisorctl writes it.
func (c *Client) URL() string { return "unix://" + c.path }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version describes the server.
func (c *Client) Version(ctx context.Context) (Info, error) {
	var i Info
	return i, c.get(ctx, "version", nil, &i)
}

// Status returns the instances that names match (none: all), and a BadName or
// BadGroup outcome for each name that matches nothing.
func (c *Client) Status(ctx context.Context, names ...string) ([]Status, []Outcome, error) {
	var a statusAnswer
	err := c.get(ctx, "status", url.Values{"name": names}, &a)
	return a.Statuses, a.Bad, err
}

// Lines is Status for who prints its lines.
func (c *Client) Lines(ctx context.Context, names ...string) ([]Line, []Outcome, error) {
	resp, err := c.do(ctx, http.MethodGet, "status", url.Values{"name": names}, nil, func(r *http.Request) { r.Header.Set("Prefer", minimal) })
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != csvType {
		var a statusAnswer
		err = c.read(resp, &a)
		return LinesOf(a.Statuses), a.Bad, err
	}
	all, err := readLines(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read answer from %s: %w", c.URL(), err)
	}
	return all, nil, nil
}

// History returns the last reasons of the instances that names match.
func (c *Client) History(ctx context.Context, names ...string) ([]History, []Outcome, error) {
	var a whyAnswer
	err := c.get(ctx, "why", url.Values{"name": names}, &a)
	return a.Histories, a.Bad, err
}

// Do gives an order and waits until it is done, unless it says NoWait.
// Outcomes may come with an error.
func (c *Client) Do(ctx context.Context, o Order) ([]Outcome, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cannot encode order: %v", err)
	}
	var a orderAnswer
	if err := c.post(ctx, "order", text, &a); isLost(err) && ctx.Err() == nil {
		return nil, c.lostOrder(err)
	} else if err != nil {
		return nil, err
	}
	if a.Error != "" || a.Fault != NoFault {
		return a.Outcomes, &Error{Fault: a.Fault, Message: a.Error}
	}
	return a.Outcomes, nil
}

// Reread has the server read its config again and compare.
func (c *Client) Reread(ctx context.Context) (Changes, error) {
	var ch Changes
	return ch, c.post(ctx, "reread", nil, &ch)
}

// Events hands each event with a serial above after to each, in order: those
// kept, then, with follow, those that happen until ctx ends, the server ends,
// or each returns an error, which Events returns.
func (c *Client) Events(ctx context.Context, after uint64, follow bool, each func(Event) error) error {
	q := url.Values{"after": {strconv.FormatUint(after, 10)}, "follow": {bit(follow)}}
	resp, err := c.do(ctx, http.MethodGet, "events", q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var e Event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read events from %s: %w", c.URL(), err) // FollowEvents asks isLost
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

// Tail opens the last n bytes of a log, followed by what is appended when
// follow says so. An empty name means the main log. Reading ends with io.EOF;
// closing the reader ends a follow.
func (c *Client) Tail(ctx context.Context, name, channel string, n int64, follow bool) (io.ReadCloser, error) {
	q := tailQuery(name, channel, n, follow)
	resp, err := c.do(ctx, http.MethodGet, "tail", q, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func tailQuery(name, channel string, n int64, follow bool) url.Values {
	q := url.Values{"bytes": {strconv.FormatInt(n, 10)}, "follow": {bit(follow)}}
	if name != "" {
		q.Set("name", name)
		q.Set("channel", channel)
	}
	return q
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	return c.value(ctx, http.MethodGet, path, q, nil, into)
}

func (c *Client) post(ctx context.Context, path string, body []byte, into any) error {
	return c.value(ctx, http.MethodPost, path, nil, body, into)
}

func (c *Client) value(ctx context.Context, method, path string, q url.Values, body []byte, into any) error {
	resp, err := c.do(ctx, method, path, q, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.read(resp, into)
}

// read reads the one value of an answer.
func (c *Client) read(resp *http.Response, into any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("cannot read answer from %s: %w", c.URL(), err) // Do asks isLost
	}
	return nil
}

// do sends a request and returns the answer if it is one of ours with code 200.
func (c *Client) do(ctx context.Context, method, path string, q url.Values, body []byte, more ...func(*http.Request)) (*http.Response, error) {
	target := "http://bulkhead/" + Version + "/" + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %v", c.URL(), err)
	}
	if body != nil {
		req.Header.Set("Content-Type", jsonType)
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, c.pass)
	}
	for _, change := range more {
		change(req)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.Header.Get(protocolHeader) != Version {
		resp.Body.Close()
		return nil, c.stranger(resp)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

// refusal reads the error out of an answer.
func (c *Client) refusal(resp *http.Response) error {
	var a errorAnswer
	err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&a)
	if err != nil || a.Error == "" {
		return fmt.Errorf("cannot read answer from %s: %s", c.URL(), resp.Status)
	}
	return &Error{Fault: a.Fault, Message: strings.ToValidUTF8(a.Error, "�")}
}
