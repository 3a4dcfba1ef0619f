package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
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
	out := lines(w)
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

// lines returns a function that writes one event as one line, at once.
func lines(w http.ResponseWriter) func(Event) error {
	w.Header().Set("Content-Type", linesType)
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	_ = rc.Flush() // the client knows that it is listening before anything happens
	enc := json.NewEncoder(w)
	return func(e Event) error {
		if err := enc.Encode(e); err != nil {
			return err
		}
		return rc.Flush()
	}
}

// tail writes the end of a log and, with follow, what is appended.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "name", "channel", "bytes", "follow")
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

func tailError(name string, fault Fault, err error) error {
	if err == nil {
		err = fmt.Errorf("cannot tail %q: %s", name, fault)
	}
	if fault == NoFault {
		fault = FaultOf(err)
	}
	return &Error{Fault: fault, Message: err.Error()}
}

// copyLog writes until the reader ends. A failing reader breaks the
// connection, so that the client does not take the part for the whole.
func copyLog(w http.ResponseWriter, log TailReader, follow bool) {
	w.Header().Set("Content-Type", logType)
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	if follow {
		_ = rc.Flush()
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := log.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return
			}
			if follow && rc.Flush() != nil {
				return
			}
		}
		if isEnd(err) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
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
