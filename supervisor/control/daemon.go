package control

import "context"

// Daemon is what the server asks of the running supervisor. Every method may
// be called from any goroutine.
type Daemon interface {
	// Status returns the instances that names match, all without names, by group and name,
	// with readings of now; where the kernel does not count, they may be two seconds old.
	Status(ctx context.Context, names []string) ([]Status, []Outcome)
	// Lines is the part of Status that is printed.
	Lines(ctx context.Context, names []string) ([]Line, []Outcome)
	// History returns the last reasons of every instance that names match.
	History(ctx context.Context, names []string) ([]History, []Outcome)
	// Do carries out an order and, unless NoWait, returns when it is done:
	// started means RUNNING, stopped means the cgroup is empty. It returns
	// early, with what is known, when ctx ends. An order that was under way in
	// the image before this one comes again, with the note that was set for it
	// ([NoteOf]): it is not to be taken twice.
	Do(ctx context.Context, o Order) ([]Outcome, error)
	// Reread reads the config file again and compares; it changes nothing.
	Reread(ctx context.Context) (Changes, error)
	// Events returns the events kept in memory with a serial above after, and
	// a channel of those that follow (closed when ctx ends or the reader lags).
	Events(ctx context.Context, after uint64) ([]Event, <-chan Event)
	// OOM returns the OOM kills on this host that are kept, newest last.
	OOM(ctx context.Context) OOMLog
	// Tail opens a log of an instance ("stdout" or "stderr"), or the main log
	// for name "". The reader yields the last n bytes, then, with follow, what
	// is appended until ctx ends, across rotation. A reader that follows has a
	// method Position() any: where it is between two reads. That is the note of
	// the request ([NoteOf]), and where Tail has to go on when there is one.
	Tail(ctx context.Context, name, channel string, n int64, follow bool) (TailReader, Fault, error)
	// Info describes the daemon.
	Info() Info
}

// TailReader yields log text; Close ends a follow.
type TailReader interface {
	Read(p []byte) (int, error)
	Close() error
}
