package logs

import "bytes"

// lastNewline is bytes.LastIndexByte for '\n', which looks at one byte after the other: of
// output without a newline that takes longer than to write it. Forward a processor
// looks at many at once.
func lastNewline(p []byte) int {
	const step = 1 << 10
	for end := len(p); end > 0; end -= step {
		from := max(0, end-step)
		if bytes.IndexByte(p[from:end], '\n') >= 0 {
			return from + bytes.LastIndexByte(p[from:end], '\n')
		}
	}
	return -1
}
