package xmlrpc

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// EncodeCall writes a request.
func EncodeCall(w io.Writer, c Call) error {
	var e encoder
	e.text("<?xml version='1.0'?>\n<methodCall>\n<methodName>")
	e.escape(c.Method)
	e.text("</methodName>\n<params>\n")
	for _, p := range c.Params {
		e.param(p)
	}
	e.text("</params>\n</methodCall>\n")
	return e.to(w)
}

// EncodeResult writes an answer of one value.
func EncodeResult(w io.Writer, v any) error {
	var e encoder
	e.text("<?xml version='1.0'?>\n<methodResponse>\n<params>\n")
	e.param(v)
	e.text("</params>\n</methodResponse>\n")
	return e.to(w)
}

// EncodeFault writes the answer that there is none.
func EncodeFault(w io.Writer, f *Fault) error {
	var e encoder
	e.text("<?xml version='1.0'?>\n<methodResponse>\n<fault>\n")
	e.value(Struct{{"faultCode", f.Code}, {"faultString", f.String}})
	e.text("</fault>\n</methodResponse>\n")
	return e.to(w)
}

// encoder writes as Python's xmlrpc.client does, line for line.
type encoder struct {
	out bytes.Buffer
	err error
}

func (e *encoder) to(w io.Writer) error {
	if e.err != nil {
		return e.err
	}
	_, err := w.Write(e.out.Bytes())
	return err
}

func (e *encoder) text(s string) { e.out.WriteString(s) }

func (e *encoder) param(v any) {
	e.text("<param>\n")
	e.value(v)
	e.text("</param>\n")
}

func (e *encoder) value(v any) {
	e.text("<value>")
	switch v := v.(type) {
	case int:
		e.text("<int>" + strconv.Itoa(clamp(v)) + "</int>")
	case bool:
		e.text("<boolean>" + map[bool]string{false: "0", true: "1"}[v] + "</boolean>")
	case string:
		e.text("<string>")
		e.escape(v)
		e.text("</string>")
	case float64:
		e.double(v)
	case time.Time:
		e.text("<dateTime.iso8601>" + v.Format(iso8601) + "</dateTime.iso8601>")
	case Array:
		e.text("<array><data>\n")
		for _, item := range v {
			e.value(item)
		}
		e.text("</data></array>")
	case Struct:
		e.members(v)
	default:
		e.err = fmt.Errorf("cannot encode a %T", v)
	}
	e.text("</value>\n")
}

const iso8601 = "20060102T15:04:05"

func (e *encoder) double(v float64) {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		e.err = fmt.Errorf("cannot encode %v", v)
		return
	}
	e.text("<double>" + strconv.FormatFloat(v, 'f', -1, 64) + "</double>")
}

func (e *encoder) members(s Struct) {
	e.text("<struct>\n")
	for _, m := range s {
		e.text("<member>\n<name>")
		e.escape(m.Name)
		e.text("</name>\n")
		e.value(m.Value)
		e.text("</member>\n")
	}
	e.text("</struct>")
}

// clamp keeps an int within XML-RPC's 32 bits: clients refuse what is larger,
// and a limit of 4 GB must not cost them the whole answer.
func clamp(v int) int { return min(max(v, math.MinInt32), math.MaxInt32) }

// escape writes text as XML can say it. What XML has no character for, and bytes that are no
// UTF-8, become U+FFFD: raw, a colour in a log would make the whole answer unreadable.
func (e *encoder) escape(s string) {
	for _, r := range s { // an invalid byte is U+FFFD here
		switch {
		case r == '&':
			e.text("&amp;")
		case r == '<':
			e.text("&lt;")
		case r == '>':
			e.text("&gt;")
		case r == '\r': // raw, a reader would take it for a line's end
			e.text("&#13;")
		case !isXML(r):
			e.out.WriteRune(utf8.RuneError)
		default:
			e.out.WriteRune(r)
		}
	}
}

func isXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0xFFFE || r >= 0x10000
}
