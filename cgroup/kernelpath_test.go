package cgroup

import "testing"

// TestHolder: whose cgroup a path of the kernel's log is, be it gone or not.
func TestHolder(t *testing.T) {
	tree := newFake(t, "memory").tree("auto")
	tree.top, tree.mount = "/sys/fs/cgroup/a.slice/bulkhead", "/sys/fs/cgroup"
	const base = "/a.slice/bulkhead/programs"
	at := tree.top + "/programs"
	for _, c := range []struct {
		path string
		want Entry
		ok   bool
	}{
		{base + "/queue/queue_03.12", Entry{Program: "queue", Instance: "queue_03", Run: 12, Path: at + "/queue/queue_03.12"}, true},
		{base + "/queue/queue_03.12/sub/sub", Entry{Program: "queue", Instance: "queue_03", Run: 12, Path: at + "/queue/queue_03.12"}, true},
		{base + "/a%2Fb/%63pu.1", Entry{Program: "a/b", Instance: "cpu", Run: 1, Path: at + "/a%2Fb/%63pu.1"}, true},
		{base + "/queue", Entry{Program: "queue", Path: at + "/queue"}, true},
		{base + "/queue/foreign", Entry{Program: "queue", Path: at + "/queue"}, true},
		{base, Entry{}, false},
		{base + "/", Entry{}, false},
		{"/a.slice/bulkhead/supervisor", Entry{}, false},
		{"/a.slice/bulkhead2/programs/queue/queue.1", Entry{}, false},
		{"/", Entry{}, false},
		{"", Entry{}, false},
	} {
		if got, ok := tree.Holder(c.path); got != c.want || ok != c.ok {
			t.Errorf("%q: %+v, %v; want %+v, %v", c.path, got, ok, c.want, c.ok)
		}
	}
	if _, ok := (&Tree{}).Holder(base + "/queue/queue.1"); ok {
		t.Error("a tree that is none holds something")
	}
}
