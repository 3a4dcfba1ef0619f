package rpc

import "testing"

func TestReadRange(t *testing.T) {
	for _, c := range []struct {
		size, offset, length, from, to int64
		ok                             bool
	}{
		{10, 0, 0, 0, 10, true},
		{10, 3, 0, 3, 10, true},
		{10, 3, 4, 3, 7, true},
		{10, 8, 100, 8, 10, true},
		{10, 20, 5, 10, 10, true},
		{10, 20, 0, 10, 10, true},
		{10, -4, 0, 6, 10, true},
		{10, -40, 0, 0, 10, true},
		{0, -1, 0, 0, 0, true},
		{10, -4, 1, 0, 0, false},
		{10, -4, -1, 0, 0, false},
		{10, 0, -1, 0, 0, false},
	} {
		from, to, ok := readRange(c.size, c.offset, c.length)
		if from != c.from || to != c.to || ok != c.ok {
			t.Errorf("of %d, %d+%d: got %d to %d, %v, want %d to %d, %v", c.size, c.offset, c.length, from, to, ok, c.from, c.to, c.ok)
		}
	}
}

// The expected values are what tailFile of supervisord 4.2.5 returns for such files.
func TestTailRange(t *testing.T) {
	const log = "0123456789"
	for _, c := range []struct {
		size, offset, length int64
		want                 string
		overflow             bool
	}{
		{10, 0, 10, "0123456789", false},
		{10, 0, 100, "0123456789", false},
		{10, 0, 4, "6789", true},
		{10, 4, 2, "89", true},
		{10, 5, 5, "56789", false},
		{10, 8, 5, "56789", false},
		{10, 10, 5, "", false},
		{10, 12, 5, "", false},
		{10, 0, 0, "", true},
		{10, 10, 0, "", false},
		{10, 0, -5, "", true},
		{10, -3, 5, "56789", true},
		{10, -30, 5, "56789", true},
		{0, 0, 5, "", false},
		{0, 0, 0, "", false},
		{1, 0, 1, "0", false},
	} {
		from, to, overflow := tailRange(c.size, c.offset, c.length)
		if got := log[from:to]; got != c.want || overflow != c.overflow {
			t.Errorf("of %d, %d+%d: got %q, %v, want %q, %v", c.size, c.offset, c.length, got, overflow, c.want, c.overflow)
		}
	}
}
