package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"unicode"
)

// ErrNoAnswer is that the context ended before an answer came.
var ErrNoAnswer = errors.New("no answer in time")

// inShort is what of an error is worth a place on a status line: whom was asked is
// known.
func inShort(ctx context.Context, err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	var u *url.Error
	switch {
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return ErrNoAnswer
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New(oneLine(dns.Err + ": " + dns.Name))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the connection was closed in the middle of the answer")
	case errors.As(err, &u):
		said := strings.TrimPrefix(u.Err.Error(), "net/http: HTTP/1.x transport connection broken: ")
		return errors.New(oneLine(strings.TrimPrefix(said, "net/http: ")))
	}
	return errors.New(oneLine(err.Error()))
}

const lineMost = 200 // bytes of what others say

// oneLine makes words of others fit for one line of a terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > lineMost {
		s = strings.ToValidUTF8(s[:lineMost], "") + "…"
	}
	return s
}
