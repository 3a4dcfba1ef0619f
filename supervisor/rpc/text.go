package rpc

import "unicode/utf8"

// whole is how many bytes of p are whole characters: one that is cut off at the end is
// left for the next piece. supervisorctl prints a piece that begins or ends within
// a character as "Undecodable". Bytes that are no UTF-8 are not held up.
func whole(p []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ {
		if at := len(p) - back; utf8.RuneStart(p[at]) {
			if utf8.FullRune(p[at:]) {
				break
			}
			return at
		}
	}
	return len(p)
}

// headless is how many bytes at the beginning of p belong to a character that began before.
func headless(p []byte) int {
	n := 0
	for n < len(p) && n < utf8.UTFMax-1 && !utf8.RuneStart(p[n]) {
		n++
	}
	return n
}
