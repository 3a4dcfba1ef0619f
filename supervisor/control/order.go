package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// Limits of one order. They only keep nonsense out: what a name or a signal
// means is the daemon's to say.
const (
	maxBody  = 1 << 20
	maxNames = 10_000
	maxName  = 512
	maxCount = 10_000
)

// wants says what a verb takes besides its name.
type wants struct {
	names  bool // at least one
	one    bool // exactly one
	none   bool // no names at all
	signal bool
	count  bool
	prof   bool
	now    bool
	roll   bool
}

// verbs are all there are; the commands of ctl are compared with them.
var verbs = map[string]wants{
	"start":    {names: true},
	"stop":     {names: true, now: true},
	"restart":  {names: true, now: true, roll: true},
	"recycle":  {names: true},
	"signal":   {names: true, signal: true},
	"pause":    {names: true},
	"resume":   {names: true},
	"scale":    {names: true, one: true, count: true},
	"profile":  {prof: true},
	"clear":    {names: true},
	"update":   {},
	"upgrade":  {none: true},
	"shutdown": {none: true},
}

// Verbs returns every verb an order may have, sorted.
func Verbs() []string {
	all := make([]string, 0, len(verbs))
	for v := range verbs {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// Check returns what is wrong with the form of an order. A nil error says that
// the verb exists and has what it takes and nothing else, not that its names
// or its signal exist.
func (o Order) Check() error {
	w, ok := verbs[o.Verb]
	switch {
	case !ok:
		return fmt.Errorf("unknown verb %q, want one of %s", clip(o.Verb), strings.Join(Verbs(), ", "))
	case w.none && len(o.Names) > 0:
		return fmt.Errorf("%s takes no names", o.Verb)
	case w.names && len(o.Names) == 0:
		return fmt.Errorf("%s needs a name", o.Verb)
	case w.one && len(o.Names) != 1:
		return fmt.Errorf("%s takes one name, not %d", o.Verb, len(o.Names))
	case len(o.Names) > maxNames:
		return fmt.Errorf("%d names are more than %d", len(o.Names), maxNames)
	case w.signal != (o.Signal != ""):
		return wrongPart(o.Verb, "signal", w.signal)
	case len(o.Signal) > maxName || hasControl(o.Signal):
		return fmt.Errorf("signal %q is no signal's name", clip(o.Signal))
	case w.prof != (o.Profile != ""):
		return wrongPart(o.Verb, "profile", w.prof)
	case len(o.Profile) > maxName || hasControl(o.Profile):
		return fmt.Errorf("profile %q is no profile's name", clip(o.Profile))
	case !w.count && o.Count != 0:
		return wrongPart(o.Verb, "count", false)
	case o.Count < 0 || o.Count > maxCount:
		return fmt.Errorf("count %d is not in 0 to %d", o.Count, maxCount)
	case o.Now && !w.now:
		return wrongPart(o.Verb, "now", false)
	case o.Roll && !w.roll:
		return wrongPart(o.Verb, "rolling", false)
	case o.Roll && o.Now:
		return errors.New("rolling and now exclude each other")
	}
	return CheckNames(o.Names)
}

func wrongPart(verb, part string, wanted bool) error {
	if wanted {
		return fmt.Errorf("%s needs a %s", verb, part)
	}
	return fmt.Errorf("%s takes no %q", verb, part)
}

// CheckNames returns what is wrong with the form of names.
func CheckNames(names []string) error {
	for _, n := range names {
		if n == "" || len(n) > maxName || hasControl(n) || strings.Contains(n, " ") {
			return fmt.Errorf("%q is no name", clip(n))
		}
	}
	return nil
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// clip keeps a stranger's text short in a message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// readOrder decodes exactly one order: unknown fields, trailing data and a
// wrong form are errors.
func readOrder(r io.Reader) (Order, error) {
	var o Order
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return Order{}, plain(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Order{}, errors.New("more than one JSON value")
	}
	return o, o.Check()
}

// plain says what encoding/json found in words that need no Go.
func plain(err error) error {
	var wrongType *json.UnmarshalTypeError
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return fmt.Errorf("more than %d bytes: %w", tooBig.Limit, err)
	case errors.Is(err, io.EOF):
		return errors.New("empty body")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("JSON ends early")
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return fmt.Errorf("want a JSON object, not %s", wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Errorf("field %q cannot be %s", wrongType.Field, wrongType.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
