package supervisorctl

import (
	"io"
	"strings"
	"testing"
)

// unwritten is where nothing may be written.
type unwritten struct{ t *testing.T }

func (u unwritten) Write(text []byte) (int, error) {
	u.t.Errorf("%q was written", text)
	return len(text), nil
}

// TestPipeWithoutPrompt has a line read while others write to the same place.
func TestPipeWithoutPrompt(t *testing.T) {
	in := NewPipe(strings.NewReader("a\nb"), unwritten{t})
	for _, want := range []string{"a", "b"} {
		if line, err := in.Line(t.Context(), ""); line != want || err != nil {
			t.Errorf("read %q, %v", line, err)
		}
	}
	if _, err := in.Line(t.Context(), ""); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
