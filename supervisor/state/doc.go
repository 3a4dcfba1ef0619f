// Package state keeps what the supervisor must know after its own end: keyed
// JSON documents in one file, and the lock that says whose file it is.
//
//	<dir>/lock           flock of the supervisor that uses dir, and its pid
//	<dir>/state          a snapshot, then one line per change
//	<dir>/state.new      the next snapshot while it is written
//	<dir>/state.damaged  the last file in which damage was found
//
// It owns the form of the file, what happens when the disk fails, and the
// goroutine that writes. It never looks into a document, never decides what
// damage means, never logs: damage found is returned by [Load], trouble with
// the disk goes to the function given to [Open].
//
// The file is text. Each change is a line of its own with a checksum (CRC-32C),
// appended with one write(2) per batch of changes:
//
//	bulkhead-state 1 "boot-1" 24037cb2
//	63743cf8 {"k":"a","v":1}
//	9767d645 {"k":"c","v":["y"]}
//	bulkhead-state 1 "boot-1" 24037cb2
//	57939461 {"k":"a","v":2}
//	929eeb11 {"k":"b"}
//
// The header (version, boot id, checksum) stands before and behind the
// snapshot: so a snapshot that was cut short is known from a short log, and one
// damaged line never costs the boot id. A line without a value deletes its key.
//
// Appends are not fsynced: what write(2) took outlives the process, and after a
// power loss there is another boot id and nothing left to adopt. A snapshot is
// fsynced before it takes the old file's place, so there is a whole file in
// place at any moment.
//
// Start reading at store.go ([Open], [Store.Put]), then disk.go, then decode.go.
package state
