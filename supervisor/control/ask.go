package control

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The plain questions: one request, one JSON value.

func (s *Server) version(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	answer(w, http.StatusOK, s.daemon.Info())
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "name")
	if err != nil {
		return err
	}
	if r.Header.Get("Prefer") == minimal {
		if lines, bad := s.daemon.Lines(r.Context(), q["name"]); len(bad) == 0 {
			w.Header().Set("Content-Type", csvType)
			_, _ = w.Write(encodeLines(lines)) // the client is gone: nobody to tell
			return nil
		}
	}
	found, bad := s.daemon.Status(r.Context(), q["name"])
	answer(w, http.StatusOK, statusAnswer{Statuses: list(found), Bad: list(bad)})
	return nil
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "name")
	if err != nil {
		return err
	}
	if len(q["name"]) == 0 {
		return badRequest{fmt.Errorf("why needs a name")}
	}
	found, bad := s.daemon.History(r.Context(), q["name"])
	found = slices.Clone(found)
	for i := range found {
		found[i].Reasons = list(found[i].Reasons)
	}
	answer(w, http.StatusOK, whyAnswer{Histories: list(found), Bad: list(bad)})
	return nil
}

func (s *Server) order(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	outcomes, err := s.daemon.Do(r.Context(), o)
	a := orderAnswer{Outcomes: list(outcomes), Fault: FaultOf(err)}
	if err != nil {
		a.Error = err.Error()
	}
	answer(w, http.StatusOK, a)
	return nil
}

func (s *Server) reread(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	c, err := s.daemon.Reread(r.Context())
	if err != nil {
		return err
	}
	c.Added, c.Changed, c.Removed = list(c.Added), list(c.Changed), list(c.Removed)
	answer(w, http.StatusOK, c)
	return nil
}

// body reads the order of a request. The deadline is the body's alone: left
// in place it would end the context of an order that takes longer.
func body(w http.ResponseWriter, r *http.Request) (Order, error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // a recorder in a test has none
	o, err := readOrder(http.MaxBytesReader(w, r.Body, maxBody))
	_ = rc.SetReadDeadline(time.Time{})
	if err != nil {
		return Order{}, badRequest{fmt.Errorf("cannot read order: %w", err)}
	}
	return o, nil
}

// query takes the parameters of a request and refuses those not named.
func query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest{fmt.Errorf("cannot read query: %v", err)}
	}
	for k := range q {
		if !slices.Contains(known, k) {
			return nil, badRequest{fmt.Errorf("unknown parameter %q, want %s", clip(k), orNone(known))}
		}
	}
	if err := CheckNames(q["name"]); err != nil {
		return nil, badRequest{err}
	}
	return q, nil
}

func orNone(known []string) string {
	if len(known) == 0 {
		return "none"
	}
	return strings.Join(known, ", ")
}

// number reads a decimal parameter, or says what it should be.
func number(q url.Values, key string, or uint64) (uint64, error) {
	text := q.Get(key)
	if text == "" {
		return or, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, badRequest{fmt.Errorf("parameter %s is %q, want a number from 0", key, clip(text))}
	}
	return n, nil
}

// flag reads a parameter that is 0 or 1.
func flag(q url.Values, key string) (bool, error) {
	switch text := q.Get(key); text {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	default:
		return false, badRequest{fmt.Errorf("parameter %s is %q, want 0 or 1", key, clip(text))}
	}
}

// list makes an empty list of none: [] and not null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
