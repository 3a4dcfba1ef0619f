package supervisorctl

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// encodeCall writes a call of XML-RPC whose arguments are strings and ints.
func encodeCall(method string, args []any) ([]byte, error) {
	var b bytes.Buffer
	escaped := func(s string) string {
		var e strings.Builder
		_ = xml.EscapeText(&e, []byte(s)) // a builder takes everything
		return e.String()
	}
	fmt.Fprintf(&b, "<?xml version='1.0'?>\n<methodCall><methodName>%s</methodName><params>", escaped(method))
	for _, a := range args {
		switch a := a.(type) {
		case string:
			fmt.Fprintf(&b, "<param><value><string>%s</string></value></param>", escaped(a))
		case int:
			fmt.Fprintf(&b, "<param><value><int>%d</int></value></param>", a)
		default:
			return nil, fmt.Errorf("internal error: cannot encode argument of type %T", a)
		}
	}
	b.WriteString("</params></methodCall>")
	return b.Bytes(), nil
}

// decodeAnswer reads the answer to a call: a value, or a fault as the error.
// Values are string, int, bool, float64, []any and map[string]any.
func decodeAnswer(r io.Reader) (any, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err // of the connection: traceback tells them apart
	}
	d := decoder{xml.NewDecoder(bytes.NewReader(printable(body)))}
	refused := false
	for {
		start, err := d.open("methodResponse", "params", "param", "fault", "value")
		switch {
		case err != nil:
			return nil, fmt.Errorf("cannot read answer: %v", err)
		case start == "fault":
			refused = true
		case start == "value":
			v, err := d.value()
			if err != nil {
				return nil, fmt.Errorf("cannot read answer: %v", err)
			}
			if m, ok := v.(map[string]any); ok && refused {
				return nil, &fault{number(m["faultCode"]), text(m["faultString"])}
			}
			return v, nil
		}
	}
}

// printable replaces the control characters that supervisord sends as they
// stand in a log, and XML has no way to say.
func printable(body []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return '\uFFFD'
		}
		return r
	}, body)
}

type decoder struct{ *xml.Decoder }

// open reads up to the start of an element, "" at the end of the one around
// it. Its name must be one of names, if there are any.
func (d decoder) open(names ...string) (string, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return "", nil
		case xml.StartElement:
			for _, n := range names {
				if n == t.Name.Local {
					return n, nil
				}
			}
			return "", fmt.Errorf("unexpected element %q", t.Name.Local)
		}
	}
}

// value reads what is in a <value>, and its end.
func (d decoder) value() (any, error) {
	var plain strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.CharData:
			plain.Write(t)
		case xml.EndElement:
			return plain.String(), nil // a value without a type is a string
		case xml.StartElement:
			v, err := d.typed(t)
			if err != nil {
				return nil, err
			}
			return v, d.Skip() // to the end of the value
		}
	}
}

func (d decoder) typed(start xml.StartElement) (any, error) {
	switch start.Name.Local {
	case "array":
		return d.array()
	case "struct":
		return d.members()
	}
	var s string
	if err := d.DecodeElement(&s, &start); err != nil {
		return nil, err
	}
	switch kind := start.Name.Local; kind {
	case "int", "i4", "i8":
		n, err := strconv.Atoi(strings.TrimSpace(s))
		return n, err
	case "boolean":
		return strings.TrimSpace(s) == "1", nil
	case "double":
		return strconv.ParseFloat(strings.TrimSpace(s), 64)
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		return string(b), err
	case "string", "dateTime.iso8601", "nil":
		return s, nil
	default:
		return nil, fmt.Errorf("unknown type %q", kind)
	}
}

// array reads <data> with its values, and the end of the array.
func (d decoder) array() (any, error) {
	all := []any{}
	if _, err := d.open("data"); err != nil {
		return nil, err
	}
	for {
		name, err := d.open("value")
		switch {
		case err != nil:
			return nil, err
		case name == "":
			return all, d.Skip() // to the end of the array
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// members reads the members of a struct, and its end.
func (d decoder) members() (any, error) {
	all := map[string]any{}
	for {
		name, err := d.open("member")
		if err != nil || name == "" {
			return all, err
		}
		if err := d.member(all); err != nil {
			return nil, err
		}
	}
}

// member reads a name and its value into all, and the end of the member.
func (d decoder) member(all map[string]any) error {
	var key string
	for {
		part, err := d.open("name", "value")
		if err != nil || part == "" {
			return err
		}
		v, err := d.value()
		if err != nil {
			return err
		}
		if part == "name" {
			key = text(v)
			continue
		}
		all[key] = v
	}
}
