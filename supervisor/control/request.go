package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"
)

// serve answers one request after the other until the connection ends.
func (c *conn) serve() {
	defer c.server.forget(c)
	defer c.hangUp()
	if !c.setBusy(true) || c.flush() != nil { // what the image before left unsaid
		return
	}
	wait := headerTimeout
	if c.carried {
		wait = idleTimeout
	}
	for c.setBusy(false) && !c.ends() {
		req, size, err := c.request(wait)
		if !c.setBusy(true) || err != nil && isSilence(err) {
			return
		}
		if err != nil {
			c.malformed(err)
			break
		}
		if !c.handle(req, size) {
			return
		}
		wait = idleTimeout
	}
	c.part()
}

func (c *conn) ends() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last || c.server.ending.Err() != nil
}

// isSilence says that a client has ended the connection, or said too little
// for too long.
func isSilence(err error) bool {
	var late interface{ Timeout() bool }
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &late)
}

var errHeader = fmt.Errorf("header is larger than %d bytes", maxHeader)

// request reads the header of the next request, whose first byte may take so
// long. The size of the whole request is known once its body has been read.
func (c *conn) request(wait time.Duration) (*http.Request, func() int, error) {
	c.setDeadline(time.Now().Add(wait))
	defer c.setDeadline(time.Time{})
	header := &io.LimitedReader{R: c, N: maxHeader}
	r := bufio.NewReader(header)
	if err := skipEmptyLines(r); err != nil {
		return nil, nil, err
	}
	c.setDeadline(time.Now().Add(headerTimeout))
	req, err := http.ReadRequest(r)
	if err != nil && header.N <= 0 {
		err = errHeader
	}
	header.N = maxInput
	if err == nil && req.ProtoMajor != 1 {
		err = fmt.Errorf("cannot speak %s", req.Proto)
	}
	size := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.parsed - r.Buffered()
	}
	return req, size, err
}

// skipEmptyLines reads up to the first byte of a request. supervisorctl's tail -f sends an empty
// line too many behind its request (RFC 9112, 2.2, has a server ignore it).
func skipEmptyLines(r *bufio.Reader) error {
	for {
		b, err := r.Peek(1)
		if err != nil {
			return err
		}
		if b[0] != '\r' && b[0] != '\n' {
			return nil
		}
		_, _ = r.Discard(1) // it is there
	}
}

// malformed answers what was no request. Nothing after it can be understood.
func (c *conn) malformed(err error) {
	w := &response{conn: c, req: &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, close: true}
	code := http.StatusBadRequest
	if errors.Is(err, errHeader) {
		code = http.StatusRequestHeaderFieldsTooLarge
	}
	w.Header().Set(protocolHeader, Version)
	refuse(w, code, badRequest{fmt.Errorf("malformed request: %v", err)})
	c.mu.Lock()
	all := len(c.in)
	c.mu.Unlock()
	_ = w.end(all)
}

// handle answers one request. It returns false when the connection is of no
// more use.
func (c *conn) handle(req *http.Request, size func() int) bool {
	c.mu.Lock()
	note, begun := c.note, c.begun
	c.mu.Unlock()
	if begun && note.get() == nil {
		return false // begun by a handler that has left no word of how to go on
	}
	ctx, cancel := context.WithCancel(context.WithValue(c.ctx, noteKey{}, note))
	defer cancel()
	req = req.WithContext(ctx)
	w := &response{conn: c, req: req, close: req.Close || !req.ProtoAtLeast(1, 1), begun: begun, resumed: begun}
	if req.ProtoAtLeast(1, 1) && req.Header.Get("Expect") == "100-continue" && req.ContentLength != 0 && !begun {
		if c.interim("HTTP/1.1 100 Continue\r\n\r\n") != nil {
			return false
		}
	}
	if !c.call(w, req) {
		return false
	}
	w.SetReadDeadline(time.Now().Add(bodyTimeout))
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		w.close = true // where the next request would begin is not known
	}
	w.SetReadDeadline(time.Time{})
	return w.end(size()) == nil
}

// interim says something that is not yet an answer.
func (c *conn) interim(text string) error {
	c.mu.Lock()
	c.out = append(c.out, text...)
	c.mu.Unlock()
	return c.flush()
}

// call has the request answered; false after a panic.
func (c *conn) call(w *response, req *http.Request) (ok bool) {
	defer func() {
		v := recover()
		if v != nil && v != http.ErrAbortHandler {
			c.server.errors.Printf("panic serving %s: %v\n%s", req.URL.Path, v, debug.Stack())
		}
		ok = v == nil
	}()
	c.door.handler.ServeHTTP(w, req)
	return true
}

// response is the answer to one request. Until its handler returns or flushes
// it is kept, so that it goes out whole; then it is a stream of chunks.
type response struct {
	conn    *conn
	req     *http.Request
	header  http.Header
	code    int
	body    bytes.Buffer
	begun   bool
	resumed bool // begun by the image before
	close   bool
}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *response) WriteHeader(code int) {
	if w.resumed && code != http.StatusOK {
		panic(http.ErrAbortHandler) // too late to say so in another way
	}
	if w.code == 0 {
		w.code = code
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.begun {
		return w.body.Write(p)
	}
	return len(p), w.stream(p, nil)
}

// FlushError makes a stream of the answer.
func (w *response) FlushError() error {
	if w.begun {
		return nil
	}
	return w.stream(nil, nil)
}

func (w *response) SetReadDeadline(t time.Time) error {
	w.conn.setDeadline(t)
	return nil
}

func (w *response) SetWriteDeadline(t time.Time) error { return w.conn.nc.SetWriteDeadline(t) }

// stream says a piece of an answer at once, with the note that holds from then
// on: both survive or neither does.
func (w *response) stream(p []byte, note any) error {
	var text []byte
	if !w.begun {
		text = w.chunk(w.head(-1), w.body.Bytes())
		w.begun = true
	}
	var known []byte
	if note != nil {
		known = encodeNote(note)
	}
	return w.conn.say(w.chunk(text, p), known)
}

func (w *response) chunked() bool { return w.req.ProtoAtLeast(1, 1) }

func (w *response) chunk(to, p []byte) []byte {
	switch {
	case len(p) == 0 || w.req.Method == http.MethodHead: // an empty chunk would be the last
		return to
	case !w.chunked():
		return append(to, p...)
	}
	to = fmt.Appendf(to, "%x\r\n", len(p))
	return append(append(to, p...), "\r\n"...)
}

// end says what is left of the answer to a request of n bytes.
func (w *response) end(n int) error {
	w.WriteHeader(http.StatusOK)
	w.close = w.close || w.parts() || w.conn.server.ending.Err() != nil
	var text []byte
	switch {
	case !w.begun:
		text = w.head(w.body.Len())
		if w.req.Method != http.MethodHead {
			text = append(text, w.body.Bytes()...)
		}
	case w.chunked():
		text = []byte("0\r\n\r\n")
	}
	return w.conn.finish(text, n, w.close)
}

// parts says that the handler wants the connection to end with its answer.
func (w *response) parts() bool { return w.Header().Get("Connection") == "close" }

// head is the header of an answer of so many bytes, -1 for a stream.
func (w *response) head(length int) []byte {
	w.close = w.close || w.parts()
	h := w.Header()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	switch {
	case length < 0 && w.chunked():
		h.Set("Transfer-Encoding", "chunked")
	case length >= 0 && w.code >= 200 && w.code != http.StatusNoContent && w.code != http.StatusNotModified:
		h.Set("Content-Length", fmt.Sprint(length))
	}
	if w.close {
		h.Set("Connection", "close")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", max(w.code, http.StatusOK), http.StatusText(max(w.code, http.StatusOK)))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	return b.Bytes()
}

// StreamTo writes a piece of a stream at once; note is how far it has come, for
// [NoteOf] in the next image.
func StreamTo(w http.ResponseWriter, p []byte, note any) error {
	if r, ok := w.(*response); ok {
		return r.stream(p, note)
	}
	if _, err := w.Write(p); err != nil { // a recorder in a test
		return err
	}
	return http.NewResponseController(w).Flush()
}
