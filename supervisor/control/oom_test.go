package control_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

// TestOOM: the newest, in their order; a list that is empty is one.
func TestOOM(t *testing.T) {
	d := &controltest.Daemon{}
	h := control.NewServer(d, nil).Handler()
	ask := func(query string) (l control.OOMLog) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/oom"+query, nil))
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %q %v", query, w.Code, w.Body, err)
		}
		return l
	}
	if l := ask(""); l.Kills == nil {
		t.Error("none is null")
	}
	for i := range uint64(3) {
		d.Kills.Kills = append(d.Kills.Kills, control.OOMKill{Sequence: i})
	}
	for query, want := range map[string]string{"": "0 1 2 ", "?n=0": "0 1 2 ", "?n=2": "1 2 ", "?n=3": "0 1 2 ", "?n=9223372036854775807": "0 1 2 "} {
		got := ""
		for _, k := range ask(query).Kills {
			got += fmt.Sprint(k.Sequence, " ")
		}
		if got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}
