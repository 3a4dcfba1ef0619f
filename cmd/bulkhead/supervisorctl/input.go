package supervisorctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/peterh/liner"
)

// Input is where the lines that a user types come from. Its methods return
// io.EOF when there are no more.
type Input interface {
	// Line reads a line; the end of ctx or Ctrl-C end the wait for it.
	Line(ctx context.Context, prompt string) (string, error)
	// Secret reads a line without showing it, where that can be.
	Secret(ctx context.Context, prompt string) (string, error)
	// Close puts the terminal back in order and saves the history.
	Close() error
}

// Completer returns what may stand in a line instead of the word before pos,
// as liner wants it: the line before the word, the words, the line behind pos.
type Completer func(line string, pos int) (head string, words []string, tail string)

// pipe reads lines from what is no terminal. Like Python's input it prints the prompt.
type pipe struct {
	in    io.Reader
	out   io.Writer
	begin sync.Once
	lines chan typed
	wants chan struct{}
}

type typed struct {
	line string
	err  error
}

// NewPipe returns an input that reads in. The goroutine that does so, from the
// first question on, ends with in.
func NewPipe(in io.Reader, out io.Writer) Input {
	return &pipe{in: in, out: out, lines: make(chan typed), wants: make(chan struct{}, 1)}
}

// read reads one line at a time: the next may be meant for somebody else.
func (p *pipe) read() {
	r := bufio.NewReader(p.in)
	for range p.wants {
		line, err := r.ReadString('\n')
		if line != "" {
			err = nil
		}
		p.lines <- typed{strings.TrimSuffix(line, "\n"), err}
	}
}

func (p *pipe) Line(ctx context.Context, prompt string) (string, error) {
	p.begin.Do(func() { go p.read() })
	if prompt != "" { // fg asks without one, and its logs are written meanwhile
		fmt.Fprint(p.out, prompt)
	}
	select {
	case p.wants <- struct{}{}:
	default: // a reader whose question was interrupted waits still
	}
	select {
	case t := <-p.lines:
		return t.line, t.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

func (p *pipe) Secret(ctx context.Context, prompt string) (string, error) { return p.Line(ctx, prompt) }

func (p *pipe) Close() error { return nil }

// terminal is the line editor. It takes the terminal over with the first
// question: commands that ask none leave it as it is.
type terminal struct {
	editor   *liner.State
	history  string
	complete Completer
}

// NewTerminal returns a line editor on the process's terminal, whose history
// is kept in a file, unless that is "".
func NewTerminal(history string, complete Completer) Input {
	return &terminal{history: history, complete: complete}
}

func (t *terminal) open() *liner.State {
	if t.editor != nil {
		return t.editor
	}
	t.editor = liner.NewLiner()
	t.editor.SetCtrlCAborts(true)
	t.editor.SetTabCompletionStyle(liner.TabPrints)
	t.editor.SetWordCompleter(liner.WordCompleter(t.complete))
	if f, err := os.Open(t.history); err == nil {
		_, _ = t.editor.ReadHistory(f) // what cannot be read is not remembered
		f.Close()
	}
	return t.editor
}

func (t *terminal) Line(_ context.Context, prompt string) (string, error) {
	line, err := t.open().Prompt(prompt)
	if strings.TrimSpace(line) != "" {
		t.editor.AppendHistory(line)
	}
	return line, aborted(err)
}

func (t *terminal) Secret(_ context.Context, prompt string) (string, error) {
	secret, err := t.open().PasswordPrompt(prompt)
	return secret, aborted(err)
}

func aborted(err error) error {
	if errors.Is(err, liner.ErrPromptAborted) {
		return errInterrupted
	}
	return err
}

func (t *terminal) Close() error {
	if t.editor == nil {
		return nil
	}
	defer t.editor.Close()
	if t.history == "" {
		return nil
	}
	f, err := os.OpenFile(t.history, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("cannot save history: %v", err)
	}
	defer f.Close()
	if _, err := t.editor.WriteHistory(f); err != nil {
		return fmt.Errorf("cannot save history: %v", err)
	}
	return nil
}
