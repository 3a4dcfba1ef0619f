package xmlrpc_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"bulkhead/supervisor/xmlrpc"
)

// What can be read can be said and is read the same.
func FuzzCall(f *testing.F) {
	f.Add(`<?xml version='1.0'?><methodCall><methodName>a.b</methodName><params><param><value><int>1</int></value></param></params></methodCall>`)
	f.Add(`<methodCall><methodName>m</methodName><params><param><value><struct><member><name>a</name><value><array><data><value>x</value></data></array></value></member></struct></value></param></params></methodCall>`)
	f.Add(`<methodCall><methodName>m</methodName><params><param><value><double>1e300</double></value></param></params></methodCall>`)
	f.Add(`<methodCall><methodName>m</methodName><params><param><value><dateTime.iso8601>20240229T01:02:03</dateTime.iso8601></value></param></params></methodCall>`)
	f.Add(`<methodCall><methodName>m</methodName><params><param><value><base64>/wAB</base64></value></param></params></methodCall>`)
	f.Fuzz(func(t *testing.T, doc string) {
		call, err := xmlrpc.DecodeCall(strings.NewReader(doc))
		if err != nil {
			return
		}
		var said bytes.Buffer
		if err := xmlrpc.EncodeCall(&said, call); err != nil {
			if strings.Contains(doc, "double") { // infinity can be read
				return
			}
			t.Fatalf("%q: %v", doc, err)
		}
		again, err := xmlrpc.DecodeCall(&said)
		if err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		// Bytes in base64 may be no text; said once more they are what the first answer said.
		var twice bytes.Buffer
		if err := xmlrpc.EncodeCall(&twice, again); err != nil {
			t.Fatal(err)
		}
		third, err := xmlrpc.DecodeCall(&twice)
		if err != nil || !reflect.DeepEqual(again, third) {
			t.Fatalf("%q:\n%#v\n%#v, %v", doc, again, third, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add(`<?xml version='1.0'?><methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>`)
	f.Add(`<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME</string></value></member></struct></value></fault></methodResponse>`)
	f.Fuzz(func(t *testing.T, doc string) {
		v, err := xmlrpc.DecodeResult(strings.NewReader(doc))
		if err != nil {
			return
		}
		var said bytes.Buffer
		if err := xmlrpc.EncodeResult(&said, v); err != nil {
			if strings.Contains(doc, "double") {
				return
			}
			t.Fatalf("%q: %v", doc, err)
		}
		if _, err := xmlrpc.DecodeResult(&said); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
	})
}
