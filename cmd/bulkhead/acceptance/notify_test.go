package acceptance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// People are told by a real command: at once, and of what an upgrade found unsent, at
// the end at the latest.
func TestPeopleAreNotified(t *testing.T) {
	s := prepare(t, "off")
	script := s.path("page")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncat >> \"$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.configure(fmt.Sprintf(`
[[notify]]
command  = [%q, %q]
events   = ["fatal"]
interval = 0

[[notify]]
command  = [%[1]q, %[3]q]
events   = ["spawn_failed", "crashed"]
programs = ["broken"]
interval = "1h"

[programs.broken]
command      = "false"
startretries = 0
`, script, s.path("soon"), s.path("late")))
	s.start()
	told := func(file string) (all []control.Event) {
		d := json.NewDecoder(strings.NewReader(slurp(s.path(file))))
		for d.More() {
			var m struct{ Events []control.Event }
			if err := d.Decode(&m); err != nil {
				return nil // it is being written
			}
			all = append(all, m.Events...)
		}
		return all
	}
	eventually(t, "a message at once", func() bool { return len(told("soon")) > 0 })
	if e := told("soon"); len(e) != 1 || e[0].Name != "broken" || e[0].To != "FATAL" {
		t.Errorf("told at once: %+v", e)
	}
	s.upgrade()
	if e := told("late"); len(e) > 0 {
		t.Errorf("told before its time: %+v", e)
	}
	s.end()
	if e := told("late"); len(e) != 1 || e[0].Reason == nil || e[0].Reason.Kind != "crashed" {
		t.Errorf("told at the end: %+v", e)
	}
}
