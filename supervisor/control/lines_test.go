package control

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	all := []Line{
		{Group: "queue", Name: "queue_00", State: "RUNNING", Enforced: "kernel", Description: `pid 1, uptime 0:00:01, mem 1M/"2M"`},
		{Group: "web", Name: "web", State: "BACKOFF", Description: "cannot start \"php\": no such file,\nor directory"},
		{},
	}
	got, err := readLines(bytes.NewReader(encodeLines(all)))
	if diff := cmp.Diff(all, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := readLines(strings.NewReader("")); len(got) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	for _, bad := range []string{"a,b\n", "a,b,c,d,\"e\n", "a,b,c,d,e,f\n"} {
		if got, err := readLines(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// FuzzLines reads what a server may send: what can be read says the same when it is sent on.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "a,b,RUNNING,kernel,\"pid 1, uptime\"\n", "\n\n,,,,\n", "a,b,c,d,\"e\r\r\nf\"\r\n", "a,b,c,d,\"", "\xff,\"\"\"\",,,\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := readLines(bytes.NewReader(text))
		if err != nil || bytes.ContainsRune(text, '\r') { // of \r\n in a field csv makes \n
			return
		}
		again, err := readLines(bytes.NewReader(encodeLines(all)))
		if diff := cmp.Diff(all, again); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	all := make([]Line, 1000)
	for i := range all {
		all[i] = Line{Group: "queue", Name: "queue_001", State: "RUNNING", Enforced: "kernel", Description: "pid 12345, uptime 1:02:03, mem 45M/256M, jobs 12/1000"}
	}
	for b.Loop() {
		if _, err := readLines(bytes.NewReader(encodeLines(all))); err != nil {
			b.Fatal(err)
		}
	}
}
