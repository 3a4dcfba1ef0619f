package logs

import (
	"bytes"
	"testing"
)

func TestLastNewline(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 5000} {
		p := bytes.Repeat([]byte("x"), n)
		if got := lastNewline(p); got != -1 {
			t.Errorf("%d without: %d", n, got)
		}
		for _, at := range []int{0, 1, n / 2, n - 1025, n - 1024, n - 1} {
			if at < 0 || at >= n {
				continue
			}
			clear := bytes.Clone(p)
			clear[at] = '\n'
			if got := lastNewline(clear); got != at {
				t.Errorf("%d with one at %d: %d", n, at, got)
			}
			clear[0] = '\n'
			if got := lastNewline(clear); got != at {
				t.Errorf("%d with one at %d and at the beginning: %d", n, at, got)
			}
		}
	}
}

func BenchmarkLastNewline(b *testing.B) {
	p := bytes.Repeat([]byte("x"), chunkSize)
	for name, f := range map[string]func([]byte) int{"ours": lastNewline, "theirs": func(p []byte) int { return bytes.LastIndexByte(p, '\n') }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				f(p)
			}
		})
	}
}
