package listen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func busy() Listener { return Listener{Phase: Ready}.Dispatch() }

func kinds(out []Outcome) []OutcomeKind {
	var all []OutcomeKind
	for _, o := range out {
		all = append(all, o.Kind)
	}
	return all
}

func TestStep(t *testing.T) {
	long := strings.Repeat("x", LineMost)
	result := func(n int, s string) string { return fmt.Sprintf("RESULT %d\n%s", n, s) }
	for _, c := range []struct {
		from  Listener
		said  string
		phase Phase
		want  []OutcomeKind
	}{
		{Listener{}, "", Acknowledged, nil},
		{Listener{}, "READY", Acknowledged, nil},
		{Listener{}, "READY\n", Ready, []OutcomeKind{Readied}},
		{Listener{}, "hello", Acknowledged, nil}, // six bytes decide
		{Listener{}, "hello\n", Unknown, []OutcomeKind{Broke}},
		{Listener{}, "READY\r\n", Unknown, []OutcomeKind{Broke}},
		{Listener{}, "READY\nREADY\n", Unknown, []OutcomeKind{Readied, Broke}},
		{Listener{Phase: Ready}, "", Ready, nil},
		{Listener{Phase: Ready}, "x", Unknown, []OutcomeKind{Broke}},
		{busy(), "RESULT 2", Busy, nil},
		{busy(), "RESULT 2\nO", Busy, nil},
		{busy(), result(2, "OK"), Acknowledged, []OutcomeKind{Accepted}},
		{busy(), result(4, "FAIL"), Acknowledged, []OutcomeKind{Rejected}},
		{busy(), result(2, "NO"), Acknowledged, []OutcomeKind{Rejected}},
		{busy(), result(3, "OK\n"), Acknowledged, []OutcomeKind{Rejected}},
		{busy(), result(0, ""), Acknowledged, []OutcomeKind{Rejected}},
		{busy(), result(2, "OKREADY\n"), Ready, []OutcomeKind{Accepted, Readied}},
		{busy(), result(2, "OK\nREADY\n"), Unknown, []OutcomeKind{Accepted, Broke}},
		{busy(), result(4, "FAILREADY\n"), Ready, []OutcomeKind{Rejected, Readied}},
		{busy(), "whatever2\nOK", Unknown, []OutcomeKind{BadResult}},
		{busy(), "1234567 2\nOK", Acknowledged, []OutcomeKind{Accepted}}, // nobody looks at the first seven
		{busy(), "RESULT +2\nOK", Acknowledged, []OutcomeKind{Accepted}},
		{busy(), "RESULT  2 \r\nOK", Acknowledged, []OutcomeKind{Accepted}},
		{busy(), "\n", Unknown, []OutcomeKind{BadResult}},
		{busy(), "RESULT \n", Unknown, []OutcomeKind{BadResult}},
		{busy(), "RESULT -1\n", Unknown, []OutcomeKind{BadResult}},
		{busy(), "RESULT 99999999999999999999\n", Unknown, []OutcomeKind{BadResult}},
		{busy(), result(ResultMost, ""), Busy, nil},
		{busy(), result(ResultMost+1, ""), Unknown, []OutcomeKind{BadResult}},
		{busy(), long, Busy, nil},
		{busy(), long + "x", Unknown, []OutcomeKind{BadResult}},
		{busy(), long + "x\n", Unknown, []OutcomeKind{BadResult}},
		{Listener{Phase: Unknown}, "READY\n", Unknown, nil},
	} {
		got, out := Step(c.from, []byte(c.said))
		if got.Phase != c.phase || !slices.Equal(kinds(out), c.want) {
			t.Errorf("%s, %.40q: got %s %v, want %s %v", c.from.Phase, c.said, got.Phase, kinds(out), c.phase, c.want)
		}
		if got.Phase == Unknown && got.Rest != nil {
			t.Errorf("%s, %.40q: something is kept of a listener that is out", c.from.Phase, c.said)
		}
	}
}

// FuzzListener holds that chunks do not matter and that what is kept is bounded.
func FuzzListener(f *testing.F) {
	f.Add([]byte("READY\nRESULT 2\nOKREADY\n"), uint8(3), false)
	f.Add([]byte("RESULT 4\nFAILREADY\n"), uint8(9), true)
	f.Add([]byte("RESULT 65536\nx"), uint8(1), true)
	f.Fuzz(func(t *testing.T, said []byte, size uint8, isBusy bool) {
		var from Listener
		if isBusy {
			from = busy()
		}
		whole, want := Step(from, said)
		parts := from
		var got []Outcome
		for chunk := range slices.Chunk(said, int(size)+1) {
			var out []Outcome
			parts, out = Step(parts, chunk)
			got = append(got, out...)
			if len(parts.Rest) > max(LineMost, ResultMost) {
				t.Fatalf("%d bytes are kept", len(parts.Rest))
			}
		}
		if !slices.Equal(kinds(got), kinds(want)) || parts.Phase != whole.Phase || string(parts.Rest) != string(whole.Rest) {
			t.Errorf("in chunks of %d: got %+v %v, want %+v %v", int(size)+1, parts, got, whole, want)
		}
	})
}
