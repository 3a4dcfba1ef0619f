package xmlrpc_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"bulkhead/supervisor/xmlrpc"
)

func TestRequests(t *testing.T) {
	deep := strings.Repeat("<value><array><data>", 100) + strings.Repeat("</data></array></value>", 100)
	for _, c := range []struct{ name, doc, want string }{
		{"untyped text", `<methodCall><methodName>m</methodName><params><param><value> a </value></param></params></methodCall>`, " a "},
		{"i4", `<methodCall><methodName>m</methodName><params><param><value><i4> 7 </i4></value></param></params></methodCall>`, "7"},
		{"no method", `<methodCall><params/></methodCall>`, "cannot read request: no method name"},
		{"nil", `<methodCall><methodName>m</methodName><params><param><value><nil/></value></param></params></methodCall>`, "cannot read request: bad <nil>: unsupported type"},
		{"no call", `<html></html>`, "cannot read request: <html> where <methodCall> should be"},
		{"no end", `<methodCall><methodName>m`, "cannot read request: XML syntax error on line 1: unexpected EOF"},
		{"nothing", ``, "cannot read request: unexpected EOF"},
		{"bad int", `<methodCall><methodName>m</methodName><params><param><value><int>x</int></value></param></params></methodCall>`,
			`cannot read request: bad <int>: strconv.ParseInt: parsing "x": invalid syntax`},
		{"a bomb", `<!DOCTYPE a [<!ENTITY b "c">]><methodCall><methodName>&b;</methodName></methodCall>`,
			"cannot read request: a document type is not allowed"},
		{"depth", `<methodCall><methodName>m</methodName><params><param>` + deep + `</param></params></methodCall>`,
			"cannot read request: more than 64 values in each other"},
		{"latin-1", "<?xml version='1.0' encoding='iso-8859-1'?><methodCall><methodName>m</methodName><params><param><value>caf\xe9</value></param></params></methodCall>", "café"},
	} {
		call, err := xmlrpc.DecodeCall(strings.NewReader(c.doc))
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case len(call.Params) == 1:
			got = fmt.Sprint(call.Params[0])
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCallWithoutParams(t *testing.T) {
	call, err := xmlrpc.DecodeCall(strings.NewReader(`<?xml version="1.0"?><methodCall><methodName>supervisor.getState</methodName></methodCall>`))
	if want := (xmlrpc.Call{Method: "supervisor.getState"}); err != nil || !reflect.DeepEqual(call, want) {
		t.Errorf("got %#v, %v, want %#v", call, err, want)
	}
}

func TestUnsupportedTypesCanBeTold(t *testing.T) {
	_, err := xmlrpc.DecodeCall(strings.NewReader(`<methodCall><methodName>m</methodName><params><param><value><i8>1</i8></value></param></params></methodCall>`))
	if !errors.Is(err, xmlrpc.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}
