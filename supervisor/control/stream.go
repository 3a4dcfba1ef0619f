package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultTail is how many bytes tail gives when nobody says (supervisorctl's).
const DefaultTail = 1600

// endWrite is how long a stream's write may still take when the server ends:
// a reader who has stopped reading must not hold that up.
const endWrite = 200 * time.Millisecond

// events writes what is kept, then, with follow, what happens. Every line
// is flushed by itself.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "after", "follow")
	if err != nil {
		return err
	}
	after, err := number(q, "after", 0)
	if err != nil {
		return err
	}
	follow, err := flag(q, "follow")
	if err != nil {
		return err
	}
	ctx, cancel := s.stream(w, r)
	defer cancel()
	NoteOf(ctx).Get(&after) // written by the image before
	out, err := lines(w, after)
	if err != nil {
		return nil
	}
	for {
		last := after
		again := s.subscription(ctx, &after, follow, out)
		// A reader who lagged is cut off by the daemon. It is taken up again where
		// it was; what memory no longer holds shows as a gap in the serials. One
		// that got nothing since is not lagging: the daemon closes its streams.
		if !again || after == last {
			return nil
		}
	}
}

// subscription writes what is kept above *after and then what follows. It
// returns whether the daemon ended it and not the client.
func (s *Server) subscription(ctx context.Context, after *uint64, follow bool, out func(Event) error) bool {
	ctx, cancel := context.WithCancel(ctx)
	kept, next := s.daemon.Events(ctx, *after)
	defer drain(next)
	defer cancel()
	for _, e := range kept {
		if out(e) != nil {
			return false
		}
		*after = max(*after, e.Serial)
	}
	return follow && forward(ctx, next, after, out)
}

// forward passes events on until the channel closes (true) or the stream is
// over (false).
func forward(ctx context.Context, next <-chan Event, after *uint64, out func(Event) error) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case e, open := <-next:
			if !open {
				return ctx.Err() == nil
			}
			if e.Serial != 0 && e.Serial <= *after {
				continue // already written from memory
			}
			if out(e) != nil {
				return false
			}
			*after = max(*after, e.Serial)
		}
	}
}

// drain lets a daemon that is about to send find its reader until it has seen
// that the subscription is over. The channel closes then, by contract.
func drain(next <-chan Event) {
	if next == nil {
		return
	}
	go func() {
		for range next {
		}
	}()
}

// lines begins a stream of events that come after a serial, and returns a
// function that writes one event as one line, at once.
func lines(w http.ResponseWriter, after uint64) (func(Event) error, error) {
	w.Header().Set("Content-Type", linesType)
	w.WriteHeader(http.StatusOK)
	// The client knows that it is listening before anything happens.
	return func(e Event) error {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		after = max(after, e.Serial)
		return StreamTo(w, append(line, '\n'), after)
	}, StreamTo(w, nil, after)
}

// tail writes the end of a log and, with follow, what is appended.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "name", "channel", "bytes", "follow", "at", "read")
	if err != nil {
		return err
	}
	n, err := number(q, "bytes", DefaultTail)
	if err != nil {
		return err
	}
	follow, err := flag(q, "follow")
	if err != nil {
		return err
	}
	channel := q.Get("channel")
	if channel == "" {
		channel = "stdout"
	}
	if channel != "stdout" && channel != "stderr" {
		return badRequest{fmt.Errorf("bad channel %q, want stdout or stderr", clip(channel))}
	}
	if len(q["name"]) > 1 {
		return badRequest{fmt.Errorf("tail takes one name, not %d", len(q["name"]))}
	}
	if err := goOnAt(r.Context(), q); err != nil {
		return err
	}
	ctx, cancel := s.stream(w, r)
	defer cancel()
	log, fault, err := s.daemon.Tail(ctx, q.Get("name"), channel, int64(n), follow)
	if fault != NoFault || err != nil {
		return tailError(q.Get("name"), fault, err)
	}
	defer log.Close()
	copyLog(w, log, follow)
	return nil
}

// goOnAt makes the place a client has come to at another supervisor the note of
// the request, as if an image before had left it.
func goOnAt(ctx context.Context, q url.Values) error {
	if !q.Has("at") || NoteOf(ctx).get() != nil {
		return nil
	}
	var p place
	d := json.NewDecoder(strings.NewReader(q.Get("at")))
	d.DisallowUnknownFields()
	read, err := number(q, "read", 0)
	if err != nil {
		return err
	}
	if d.Decode(&p) != nil || p.Offset < 0 || p.Offset+int64(read) < 0 {
		return badRequest{fmt.Errorf("parameter at is %q, which is no place in a log", clip(q.Get("at")))}
	}
	p.Offset, p.Lost = p.Offset+int64(read), false
	NoteOf(ctx).Set(p)
	return nil
}

func tailError(name string, fault Fault, err error) error {
	if err == nil {
		err = fmt.Errorf("cannot tail %q: %s", name, fault)
	}
	if fault == NoFault {
		fault = FaultOf(err)
	}
	return &Error{Fault: fault, Message: err.Error()}
}

// positioned is a log reader that can say, between two reads, where it is: what
// its Position returns is the note of the request, by which a [Daemon] opens the
// log again in the next image.
type positioned interface{ Position() any }

// copyLog writes until the reader ends. A failing reader breaks the
// connection, so that the client does not take the part for the whole.
func copyLog(w http.ResponseWriter, log TailReader, follow bool) {
	w.Header().Set("Content-Type", logType)
	if at := placeOf(log); follow && at != "" {
		w.Header().Set(positionHeader, at)
	}
	w.WriteHeader(http.StatusOK)
	write := func(p []byte) error {
		if !follow {
			_, err := w.Write(p)
			return err
		}
		if at, ok := log.(positioned); ok {
			return StreamTo(w, p, at.Position())
		}
		return StreamTo(w, p, nil)
	}
	if follow && write(nil) != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := log.Read(buf)
		if n > 0 && write(buf[:n]) != nil {
			return
		}
		if isEnd(err) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// Streams gives a handler whose answers have no end a request whose context is over when
// the client goes or the server ends.
func (s *Server) Streams(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := s.stream(w, r)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// stream returns the context of an answer without an end: over when the client
// goes or the server ends.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.ending, func() {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(endWrite))
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// isEnd says that a log has been read to its end, or its reader told to stop.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrClosed)
}
