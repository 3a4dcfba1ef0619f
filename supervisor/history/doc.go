// Package history keeps what a host's memory was like, and who had it: a line
// a minute, for whoever asks after an outage.
//
//	<dir>/history    lines of JSON, the newest last
//	<dir>/history.1  those before; both have 8 MiB at most
//
// It owns the form of a line, the goroutine that writes, and what becomes of
// lines that are torn or another's. It takes no reading and judges none: lines
// come from the supervisor, and bulkhead doctor reads them.
//
// A line is a reading, or a mark of the supervisor's life:
//
//	{"at":"2026-11-28T12:00:00Z","up":7,"boot":"0b1d","mark":"start","version":"0.2.0"}
//	{"at":"2026-11-28T12:00:02Z","up":9,"boot":"0b1d","memory":{"total":8,"available":4,"swap_total":0,"swap_free":0},"programs":{"queue":{"n":2,"sum":3,"most":2}}}
//
// Each is appended by one write(2) and not fsynced: after a power loss some may
// be missing, and the last one torn. A field may be added, but keeps its
// meaning for good; 0 and what is not there mean the same.
//
// Start reading at line.go, then writer.go, then reader.go.
package history
