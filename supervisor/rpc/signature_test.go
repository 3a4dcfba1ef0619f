package rpc_test

import (
	"os"
	"strings"
	"testing"

	"bulkhead/supervisor/rpc"
	"bulkhead/supervisor/xmlrpc"
)

// testdata/signatures.txt is what system.methodSignature of supervisord 4.2.5 answers for
// each name of its system.listMethods, in its order. Ours of another namespace come
// after them.
func TestSignaturesAreSupervisords(t *testing.T) {
	want, err := os.ReadFile("testdata/signatures.txt")
	if err != nil {
		t.Fatal(err)
	}
	i := rpc.New(newFake(t))
	names, err := i.Call(t.Context(), xmlrpc.Call{Method: "system.listMethods"})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, name := range names.(xmlrpc.Array) {
		signature, err := i.Call(t.Context(), xmlrpc.Call{Method: "system.methodSignature", Params: xmlrpc.Array{name}})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.String()) >= len(want) != strings.HasPrefix(name.(string), "bulkhead.") {
			t.Errorf("%s is in the wrong place", name)
		}
		got.WriteString(name.(string))
		for _, kind := range signature.(xmlrpc.Array) {
			got.WriteString(" " + kind.(string))
		}
		got.WriteString("\n")
		help, err := i.Call(t.Context(), xmlrpc.Call{Method: "system.methodHelp", Params: xmlrpc.Array{name}})
		if err != nil || !strings.Contains(help.(string), "@return ") {
			t.Errorf("help of %s: %q, %v", name, help, err)
		}
	}
	if theirs, _, _ := strings.Cut(got.String(), "bulkhead."); theirs != string(want) {
		t.Errorf("got\n%s\nwant\n%s", theirs, want)
	}
}
