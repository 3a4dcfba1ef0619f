package rpc

import "testing"

func TestWholeCharacters(t *testing.T) {
	for _, c := range []struct {
		text             string
		whole, beginning int
	}{
		{"", 0, 0},
		{"abc", 3, 0},
		{"é", 2, 0},
		{"a\xc3", 1, 0},
		{"a\xe2\x82", 1, 0},
		{"a€", 4, 0},
		{"a\xf0\x9f\x98", 1, 0},
		{"a😀", 5, 0},
		{"\xa9 é", 4, 1},
		{"\x9f\x98\x80 x", 5, 3},
		{"\xff\xfe", 2, 0},             // never a character: not held up
		{"\x80\x80\x80\x80\x80", 5, 3}, // nor is this
	} {
		if got := whole([]byte(c.text)); got != c.whole {
			t.Errorf("%q: %d bytes are whole, want %d", c.text, got, c.whole)
		}
		if got := headless([]byte(c.text)); got != c.beginning {
			t.Errorf("%q: %d bytes are the end of a character, want %d", c.text, got, c.beginning)
		}
	}
}
