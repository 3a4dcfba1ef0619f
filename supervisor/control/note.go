package control

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// Note is what a request in hand has to say to the next image of this
// process: how far it came, so that nothing is done or said twice. It may be
// used from any goroutine and never blocks.
type Note struct {
	mu   sync.Mutex
	text json.RawMessage
}

type noteKey struct{}

// NoteOf returns the note of the request that ctx belongs to, for any other ctx
// one that nobody reads.
//
// Only what was set before [Server.Freeze] survives: who carries an order out
// sets the note where the order takes effect, not where its answer is awaited.
func NoteOf(ctx context.Context) *Note {
	if n, ok := ctx.Value(noteKey{}).(*Note); ok {
		return n
	}
	return &Note{}
}

// Set replaces the note. v is encoded at once; one that JSON cannot say is a
// mistake of the program and panics.
func (n *Note) Set(v any) { n.put(encodeNote(v)) }

// Get decodes the note into v and returns true, if there is one.
func (n *Note) Get(v any) bool {
	text := n.get()
	return text != nil && json.Unmarshal(text, v) == nil
}

func (n *Note) put(text json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

func (n *Note) get() json.RawMessage {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text
}

func encodeNote(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("control: cannot encode a note of type %T: %v", v, err))
	}
	return text
}

// WithoutNote returns ctx for one of several things that a request does: the
// request's note is not its own.
func WithoutNote(ctx context.Context) context.Context {
	return context.WithValue(ctx, noteKey{}, &Note{})
}
