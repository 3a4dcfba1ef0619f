package conf

import "strings"

// splitWords splits a command line as a POSIX shell splits words (XCU 2.2:
// backslash, single and double quotes), with no other expansion and no
// comments, which is what supervisord's shlex does.
func splitWords(line string) ([]string, *fault) {
	var words []string
	var word strings.Builder
	open := false // a word has begun, maybe an empty one: ''
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		case '\'', '"':
			n, ok := unquote(&word, line[i+1:], c)
			if !ok {
				return nil, faultf("close the quote, or write the command as an array of strings",
					"cannot split %q into words: the %c at character %d is never closed", line, c, i+1)
			}
			i, open = i+n, true
		case '\\':
			if i++; i == len(line) {
				return nil, faultf(`write \\ for a backslash`,
					"cannot split %q into words: it ends in a backslash", line)
			}
			if line[i] != '\n' { // a line continuation is nothing at all
				word.WriteByte(line[i])
				open = true
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// unquote writes the text up to the closing quote and returns how much of rest
// that took, the quote included.
func unquote(word *strings.Builder, rest string, quote byte) (int, bool) {
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == quote:
			return i + 1, true
		case c == '\\' && quote == '"' && i+1 < len(rest) && strings.IndexByte("$`\"\\\n", rest[i+1]) >= 0:
			if i++; rest[i] != '\n' {
				word.WriteByte(rest[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, false
}
