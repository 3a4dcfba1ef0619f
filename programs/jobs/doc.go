// Package jobs counts the jobs a worker finishes, by reading what the worker
// writes: its output lines (Counter) or the datagrams it sends to its notify
// socket (ParseNotify).
//
// It owns the knowledge of what such lines look like. It never reads a
// descriptor, never looks at a clock (the caller says what time it is) and
// never decides what a count means: max_jobs is the machine's business.
//
// What counts as one finished job of a Laravel worker: the first end after a
// start. A job that calls fail() prints two ends, and counts once; a job that
// is killed has a start and no end, and does not count. Laravel 9.21 to 9.40
// prints no start lines, so in a run that has never shown one every end counts
// (there, fail() counts twice). Laravel 8.0 to 9.20 prints no end for a job
// that is released after an exception: that attempt does not count.
//
// Start reading at Counter.Feed, then laravel.go.
package jobs
