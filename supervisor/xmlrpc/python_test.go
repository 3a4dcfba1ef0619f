package xmlrpc_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/xmlrpc"
)

// python runs the other side of a round trip.
func python(t *testing.T, what, input string) []byte {
	t.Helper()
	c := exec.Command("/usr/bin/python3", "testdata/echo.py", what)
	c.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("python3 echo.py %s: %v\n%s", what, err, stderr.String())
	}
	return out
}

func documents(t *testing.T, what string) (out []string) {
	t.Helper()
	if err := json.Unmarshal(python(t, what, ""), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadsWhatPythonsClientSays(t *testing.T) {
	want := []xmlrpc.Call{
		{Method: "supervisor.getState", Params: xmlrpc.Array{}},
		{Method: "supervisor.startProcess", Params: xmlrpc.Array{"café & <co>", true}},
		{Method: "types", Params: xmlrpc.Array{1, -2147483648, false, "", " a\n", 1.5, "bytes",
			time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC),
			xmlrpc.Array{xmlrpc.Array{}, xmlrpc.Array{"x", xmlrpc.Array{1}}},
			xmlrpc.Struct{{Name: "b", Value: 1}, {Name: "a", Value: xmlrpc.Struct{{Name: "c", Value: xmlrpc.Array{}}}}}}},
		{Method: "system.multicall", Params: xmlrpc.Array{xmlrpc.Array{
			xmlrpc.Struct{{Name: "methodName", Value: "m"}, {Name: "params", Value: xmlrpc.Array{}}}}}},
	}
	for i, doc := range documents(t, "calls") {
		got, err := xmlrpc.DecodeCall(strings.NewReader(doc))
		if err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s\ngot %#v, %v\nwant %#v", doc, got, err, want[i])
		}
	}
}

func TestReadsWhatPythonsServerSays(t *testing.T) {
	want := []any{
		true,
		xmlrpc.Array{xmlrpc.Array{"tail & <end>", 5, false}},
		xmlrpc.Struct{{Name: "name", Value: "a"}, {Name: "pid", Value: 0}},
		&xmlrpc.Fault{Code: 10, String: "BAD_NAME: nope"},
	}
	for i, doc := range documents(t, "answers") {
		got, err := xmlrpc.DecodeResult(strings.NewReader(doc))
		if err != nil {
			got = err
		}
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s\ngot %#v\nwant %#v", doc, got, want[i])
		}
	}
}

func TestPythonReadsWhatWeSay(t *testing.T) {
	value := xmlrpc.Array{1 << 40, -1 << 40, true, "a\r\nb & <c> \x1b[31m\xff é", 1.5,
		time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC), xmlrpc.Array{}, xmlrpc.Struct{{Name: "z", Value: 1}, {Name: "a & b", Value: "x"}}}
	const want = `[[2147483647, -2147483648, true, "a\r\nb & <c> \ufffd[31m\ufffd \u00e9", 1.5, {"time": "20240229T01:02:03"}, [], {"struct": [["z", 1], ["a & b", "x"]]}]]`
	for _, c := range []struct {
		name string
		say  func(*bytes.Buffer) error
		want string
	}{
		{"a result", func(b *bytes.Buffer) error { return xmlrpc.EncodeResult(b, value) }, `{"method": null, "params": ` + want + `}`},
		{"a call", func(b *bytes.Buffer) error {
			return xmlrpc.EncodeCall(b, xmlrpc.Call{Method: "m", Params: xmlrpc.Array{value}})
		}, `{"method": "m", "params": ` + want + `}`},
		{"a fault", func(b *bytes.Buffer) error {
			return xmlrpc.EncodeFault(b, &xmlrpc.Fault{Code: 10, String: "BAD_NAME: <x>"})
		}, `{"code": 10, "text": "BAD_NAME: <x>"}`},
	} {
		var b bytes.Buffer
		if err := c.say(&b); err != nil {
			t.Fatal(err)
		}
		if got := string(python(t, "read", b.String())); got != c.want {
			t.Errorf("%s:\n%s\ngot  %s\nwant %s", c.name, b.String(), got, c.want)
		}
	}
}

// What is said is Python's text, so that the two can be compared byte by byte.
func TestSaysItAsPythonDoes(t *testing.T) {
	docs := documents(t, "answers")
	for i, v := range []any{true, xmlrpc.Array{xmlrpc.Array{"tail & <end>", 5, false}},
		xmlrpc.Struct{{Name: "name", Value: "a"}, {Name: "pid", Value: 0}}} {
		var b bytes.Buffer
		if err := xmlrpc.EncodeResult(&b, v); err != nil {
			t.Fatal(err)
		}
		if b.String() != docs[i] {
			t.Errorf("got\n%s\nPython says\n%s", b.String(), docs[i])
		}
	}
}
