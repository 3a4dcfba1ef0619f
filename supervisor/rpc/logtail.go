package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"bulkhead/supervisor/control"
)

// The paths of log streams.
const (
	LogTailPath     = "/logtail"     // and /logtail/NAME[/CHANNEL]
	MainLogTailPath = "/mainlogtail" // of the supervisor itself
)

// firstPiece is how much of a log a stream begins with.
const firstPiece = 1024

// LogTail answers GET /logtail/NAME[/stdout|/stderr] with the end of a log and what is
// appended to it, until the client goes.
func (i *Interface) LogTail(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusBadRequest)
		return
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, LogTailPath), "/")
	full, channel, said := strings.Cut(rest, "/")
	if !said {
		channel = "stdout"
	}
	if rest == "" {
		refuse(w, http.StatusInternalServerError) // as supervisord does
		return
	}
	p, err := i.process(r.Context(), full)
	if err != nil || !slices.Contains([]string{"stdout", "stderr"}, channel) {
		refuse(w, http.StatusNotFound)
		return
	}
	w.Header().Set("X-Accel-Buffering", "no")
	i.stream(w, r, p.FullName(), channel)
}

// MainLogTail is LogTail for the main log.
func (i *Interface) MainLogTail(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusBadRequest)
		return
	}
	i.stream(w, r, "", "stdout")
}

func (i *Interface) stream(w http.ResponseWriter, r *http.Request, name, channel string) {
	path := i.super.LogFile(r.Context(), name, channel)
	info, err := os.Stat(path)
	if path == "" || err != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var cut carried
	resumed := control.NoteOf(ctx).Get(&cut)
	log, err := i.super.Follow(ctx, name, channel, firstPiece)
	if err != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	defer log.Close()
	w.Header().Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.Header().Set("Connection", "close") // at the end: supervisorctl waits for that, not for the last chunk
	w.WriteHeader(http.StatusOK)
	s := streamer{w: w, log: log, held: cut.Held, begun: resumed}
	if control.StreamTo(w, nil, s.note()) == nil {
		s.run()
	}
}

// carried is what of the note of a stream is not the log's: the bytes of a character whose
// end had not been written yet.
type carried struct{ Held []byte }

// streamer passes a log on in pieces that end with whole characters.
type streamer struct {
	w     http.ResponseWriter
	log   Log
	held  []byte
	begun bool // something was sent
}

func (s *streamer) run() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.log.Read(buf)
		if n > 0 && s.send(buf[:n]) != nil {
			return
		}
		if err != nil {
			return // the connection ends with the answer, and says as much
		}
	}
}

func (s *streamer) send(p []byte) error {
	p = append(s.held, p...)
	if !s.begun {
		p = p[headless(p):]
	}
	s.begun = true
	n := whole(p)
	s.held = slices.Clone(p[n:])
	return control.StreamTo(s.w, p[:n], s.note())
}

// note is where the log is, with what was read of it and not sent.
func (s *streamer) note() any {
	text, err := json.Marshal(s.log.Position())
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // an inode may be larger than a float holds
	if err = errors.Join(err, d.Decode(&fields)); err != nil {
		return carried{s.held} // a position that is no object is nobody's to go on from
	}
	fields["Held"] = s.held
	return fields
}
