package oneoff

import (
	"fmt"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

// budget adds to what is promised already the commands that run, and this one.
func budget(t conf.Table, running []cgroup.Oneoff, label string, own conf.Bytes) conf.Table {
	for _, o := range running {
		t = t.With(fmt.Sprintf("%s (pid %d)", o.Label, o.Owner.PID), conf.Bytes(o.MemoryMax))
	}
	return t.With(label, own)
}
