package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

const (
	headerTimeout = 5 * time.Second  // from connecting to the end of the header
	bodyTimeout   = 10 * time.Second // for a body of at most maxBody
	idleTimeout   = 2 * time.Minute
	graceTimeout  = 2 * time.Second // for answers under way when the server ends
	maxHeader     = 64 << 10
)

// Server answers for a [Daemon]:
//
//	GET  /v1/version                                   Info
//	GET  /v1/status?name=N&name=…                      {"statuses": [], "bad": []}; no name: all
//	GET  /v1/why?name=N&…                              {"histories": [], "bad": []}
//	GET  /v1/events?after=SERIAL&follow=1              one Event per line
//	GET  /v1/oom?n=NEWEST                              OOMLog; no n, or 0: all
//	GET  /v1/tail?name=N&channel=stdout&bytes=1600&follow=1   log text; no name: the main log;
//	                              &at=PLACE&read=BYTES        go on so far behind the Bulkhead-Position of an earlier answer
//	POST /v1/order    Order                            {"outcomes": [], "error": "", "fault": ""}
//	POST /v1/reread                                    Changes
//
// Everything else is answered with {"error": "…", "fault": "…"} and a code of
// 400 and above. More handlers can live on the same mux, see [Server.Handle].
type Server struct {
	daemon  Daemon
	mux     *http.ServeMux
	handler http.Handler
	errors  *log.Logger
	ending  context.Context // done when streams have to end
	end     context.CancelFunc
	base    context.Context // of every request, done when none may go on
	cut     context.CancelFunc

	doors  []*door    // not changed while it serves. Freeze holds accepting of each, then mu, then that of each connection
	mu     sync.Mutex // of what follows, and of the doors' listeners
	frozen bool
	conns  map[*conn]struct{}
	gone   chan struct{} // closed when the last connection is gone, once wanted
}

// NewServer returns a server that is not listening yet. What it has to complain
// about (a panicking handler, a failed accept) goes to errors; nil discards it.
func NewServer(d Daemon, errors *log.Logger) *Server {
	if errors == nil {
		errors = log.New(io.Discard, "", 0)
	}
	s := &Server{daemon: d, mux: http.NewServeMux(), errors: errors, conns: map[*conn]struct{}{}}
	s.handler = s.Handler()
	s.doors = []*door{{handler: s.handler}}
	s.base, s.cut = context.WithCancel(context.Background())
	s.ending, s.end = context.WithCancel(s.base)
	s.route("/v1/version", http.MethodGet, s.version)
	s.route("/v1/status", http.MethodGet, s.status)
	s.route("/v1/why", http.MethodGet, s.why)
	s.route("/v1/events", http.MethodGet, s.events)
	s.route("/v1/oom", http.MethodGet, s.oom)
	s.route("/v1/tail", http.MethodGet, s.tail)
	s.route("/v1/order", http.MethodPost, s.order)
	s.route("/v1/reread", http.MethodPost, s.reread)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Errorf("no such path %q", clip(r.URL.Path)))
	})
	return s
}

// Handle puts another handler on the server's mux, as [http.ServeMux.Handle]
// does. It must not be called once the server is in use.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Handler returns the whole mux.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(protocolHeader, Version)
		if p := r.URL.Path; !isClean(p) {
			refuse(w, http.StatusNotFound, fmt.Errorf("no such path %q", clip(p)))
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// isClean says that ServeMux will take a path as it is: any other it would
// answer with a redirect in HTML.
func isClean(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/" && clean != "/")
}

// route registers a path that knows one method.
func (s *Server) route(pattern, method string, h func(http.ResponseWriter, *http.Request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("%s takes %s, not %q", pattern, method, clip(r.Method)))
			return
		}
		if err := h(w, r); err != nil {
			refuse(w, codeOf(err), err)
		}
	})
}

// badRequest is an error that is the client's own.
type badRequest struct{ error }

func (b badRequest) Unwrap() error { return b.error }

func codeOf(err error) int {
	var bad badRequest
	var tooBig *http.MaxBytesError
	switch f := FaultOf(err); {
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case f == BadName, f == BadGroup, f == NoFile:
		return http.StatusNotFound
	case f == ShuttingDown:
		return http.StatusServiceUnavailable
	case f == BadArguments, f == BadSignal, f == CantReread:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// refuse answers with an error and nothing else.
func refuse(w http.ResponseWriter, code int, err error) {
	f := FaultOf(err)
	if code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge {
		f = BadArguments
	}
	text := err.Error()
	if code == http.StatusNotFound && !errors.As(err, new(*Error)) || code == http.StatusMethodNotAllowed {
		f = NoFault
	}
	answer(w, code, errorAnswer{Error: strings.ToValidUTF8(text, "�"), Fault: f})
}

// answer writes one JSON value.
func answer(w http.ResponseWriter, code int, v any) {
	text, err := json.Marshal(v)
	if err != nil { // a value of ours that JSON cannot say, such as a year 10000
		code, text = http.StatusInternalServerError, []byte(`{"error":"internal error: cannot encode the answer","fault":"FAILED"}`)
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // the client is gone: nobody to tell
}
