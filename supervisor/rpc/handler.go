package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"bulkhead/supervisor/xmlrpc"
)

// Path is where calls are taken, and below it.
const Path = "/RPC2"

// maxCall is the most bytes of a call.
const maxCall = 1 << 20

// ServeHTTP answers POST /RPC2 as supervisord does: a fault is an answer like any other, and
// what is no call at all is one of HTTP's errors.
func (i *Interface) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodPost:
		refuse(w, http.StatusBadRequest)
		return
	case r.ContentLength < 0 || r.Header.Get("Content-Length") == "":
		refuse(w, http.StatusLengthRequired)
		return
	}
	call, err := xmlrpc.DecodeCall(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		refuse(w, codeOf(err))
		return
	}
	answer, err := i.answer(r, call)
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(answer) // the client is gone: nobody to tell
}

func codeOf(err error) int {
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, xmlrpc.ErrUnsupported):
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

func (i *Interface) answer(r *http.Request, call xmlrpc.Call) ([]byte, error) {
	var b bytes.Buffer
	v, err := i.Call(r.Context(), call)
	var f *xmlrpc.Fault
	if errors.As(err, &f) {
		err = xmlrpc.EncodeFault(&b, f)
	} else if err == nil {
		err = xmlrpc.EncodeResult(&b, v)
	}
	return b.Bytes(), err
}

// refuse answers with one of HTTP's errors.
func refuse(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(code)
	text := http.StatusText(code)
	_, _ = fmt.Fprintf(w, "<head>\n<title>Error response</title>\n</head>\n<body>\n<h1>Error response</h1>\n<p>Error code %d.\n<p>Message: %s.\n</body>\n", code, text)
}
