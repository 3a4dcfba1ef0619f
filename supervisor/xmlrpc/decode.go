package xmlrpc

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	maxDepth  = 64      // of values in values
	maxValues = 1 << 20 // of one document
)

// ErrUnsupported is wrapped by the error of a type that is XML-RPC in the wide sense and
// that supervisord does not take, such as nil and i8.
var ErrUnsupported = errors.New("unsupported type")

// DecodeCall reads a request. It takes one without params.
func DecodeCall(r io.Reader) (Call, error) {
	d := newDecoder(r)
	var c Call
	err := d.document("methodCall", func(name string) (err error) {
		switch name {
		case "methodName":
			c.Method, err = d.chars(name)
			c.Method = strings.TrimSpace(c.Method)
		case "params":
			c.Params, err = d.params()
		default:
			err = fmt.Errorf("unexpected <%s>", name)
		}
		return err
	})
	if err == nil && c.Method == "" {
		err = errors.New("no method name")
	}
	if err != nil {
		return Call{}, fmt.Errorf("cannot read request: %w", err)
	}
	return c, nil
}

// DecodeResult reads an answer; its error is a [*Fault] if that is what it says.
func DecodeResult(r io.Reader) (any, error) {
	d := newDecoder(r)
	var params Array
	var fault any
	err := d.document("methodResponse", func(name string) (err error) {
		switch name {
		case "params":
			params, err = d.params()
		case "fault":
			fault, err = d.only("value", name)
		default:
			err = fmt.Errorf("unexpected <%s>", name)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read answer: %w", err)
	case fault != nil:
		return nil, faultOf(fault)
	case len(params) != 1:
		return nil, fmt.Errorf("cannot read answer: %d values, want 1", len(params))
	}
	return params[0], nil
}

func faultOf(v any) error {
	s, _ := v.(Struct)
	code, isInt := s.Get("faultCode").(int)
	text, isString := s.Get("faultString").(string)
	if !isInt || !isString {
		return errors.New("cannot read answer: a fault without code and string")
	}
	return &Fault{code, text}
}

// decoder reads one document, element by element.
type decoder struct {
	xml    *xml.Decoder
	depth  int
	values int
}

func newDecoder(r io.Reader) *decoder {
	d := xml.NewDecoder(r)
	d.CharsetReader = charset
	return &decoder{xml: d}
}

// document reads the outermost element and calls child for each in it.
func (d *decoder) document(root string, child func(name string) error) error {
	name, _, err := d.open()
	if err != nil {
		return err
	}
	if name != root {
		return fmt.Errorf("<%s> where <%s> should be", name, root)
	}
	return d.children(root, child)
}

// children calls child for each element up to the end of the one called parent.
func (d *decoder) children(parent string, child func(name string) error) error {
	for {
		name, text, err := d.open()
		switch {
		case err != nil:
			return err
		case strings.TrimSpace(text) != "":
			return fmt.Errorf("text in <%s>", parent)
		case name == "":
			return nil
		}
		if err := child(name); err != nil {
			return err
		}
	}
}

// open reads up to the beginning of the next element, or, with the name "", to
// the end of the one it is in; text is what stood before.
func (d *decoder) open() (name, text string, err error) {
	var b strings.Builder
	for {
		t, err := d.xml.Token()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t.Name.Local, b.String(), nil
		case xml.EndElement:
			return "", b.String(), nil
		case xml.CharData:
			b.Write(t)
		case xml.Directive: // a document type; entities of its own are not wanted
			return "", "", errors.New("a document type is not allowed")
		}
	}
}

// chars reads the text up to the end of an element without children.
func (d *decoder) chars(of string) (string, error) {
	child, text, err := d.open()
	if err == nil && child != "" {
		err = fmt.Errorf("<%s> in <%s>", child, of)
	}
	return text, err
}

func (d *decoder) params() (Array, error) {
	out := Array{}
	err := d.children("params", func(name string) error {
		if name != "param" {
			return fmt.Errorf("<%s> in <params>", name)
		}
		v, err := d.only("value", "param")
		out = append(out, v)
		return err
	})
	return out, err
}

// only reads an element whose one child is a value.
func (d *decoder) only(child, parent string) (v any, err error) {
	n := 0
	err = d.children(parent, func(name string) (err error) {
		if n++; name != child || n > 1 {
			return fmt.Errorf("<%s> in <%s>", name, parent)
		}
		v, err = d.value()
		return err
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("<%s> without <%s>", parent, child)
	}
	return v, err
}

// value reads up to the end of the value element it is in.
func (d *decoder) value() (any, error) {
	if d.depth++; d.depth > maxDepth {
		return nil, fmt.Errorf("more than %d values in each other", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.values++; d.values > maxValues {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	kind, text, err := d.open()
	if err != nil || kind == "" {
		return text, err // untyped
	}
	v, err := d.typed(kind)
	if err != nil {
		return nil, err
	}
	if more, _, err := d.open(); err != nil || more != "" {
		return nil, errors.Join(err, errors.New("more than one thing in <value>"))
	}
	return v, nil
}

func (d *decoder) typed(kind string) (any, error) {
	switch kind {
	case "array":
		return d.array()
	case "struct":
		return d.members()
	}
	text, err := d.chars(kind)
	if err != nil {
		return nil, err
	}
	v, err := scalar(kind, text)
	if err != nil {
		return nil, fmt.Errorf("bad <%s>: %w", kind, err)
	}
	return v, nil
}

func scalar(kind, text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch kind {
	case "string":
		return text, nil
	case "int", "i4":
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if err == nil && (n > math.MaxInt32 || n < math.MinInt32) {
			n = int64(clamp(int(n)))
		}
		return int(n), err
	case "boolean":
		return trimmed == "1", nil
	case "double":
		return strconv.ParseFloat(trimmed, 64)
	case "dateTime.iso8601":
		return time.Parse(iso8601, trimmed)
	case "base64":
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		return string(raw), err
	}
	return nil, ErrUnsupported
}

func (d *decoder) array() (out Array, err error) {
	out = Array{}
	err = d.children("array", func(name string) error {
		if name != "data" {
			return fmt.Errorf("<%s> in <array>", name)
		}
		return d.children("data", func(name string) error {
			if name != "value" {
				return fmt.Errorf("<%s> in <data>", name)
			}
			v, err := d.value()
			out = append(out, v)
			return err
		})
	})
	return out, err
}

func (d *decoder) members() (out Struct, err error) {
	out = Struct{}
	err = d.children("struct", func(name string) error {
		if name != "member" {
			return fmt.Errorf("<%s> in <struct>", name)
		}
		var m Member
		named, valued := false, false
		err := d.children("member", func(name string) (err error) {
			switch name {
			case "name":
				named = true
				m.Name, err = d.chars(name)
			case "value":
				valued = true
				m.Value, err = d.value()
			default:
				err = fmt.Errorf("<%s> in <member>", name)
			}
			return err
		})
		if err == nil && (!named || !valued) {
			err = errors.New("a <member> without name or value")
		}
		out = append(out, m)
		return err
	})
	return out, err
}
