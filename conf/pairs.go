package conf

import (
	"fmt"
	"strings"
)

// pairs are environment variables: a table, or the one line that supervisord
// writes them in, which is expanded before it is taken apart.
type pairs struct {
	table map[string]string
	line  string
}

func (p *pairs) decode(v any) *fault {
	if line, ok := v.(string); ok {
		p.line = line
		return checkText(line)
	}
	table, ok := v.(map[string]any)
	if !ok {
		return mismatch(v, "a table of variables", `write { APP_ENV = "production" }`)
	}
	p.table = map[string]string{}
	for key, value := range table {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return faultf("rename it", "cannot use %q as the name of an environment variable", key)
		}
		switch value := value.(type) {
		case string:
			if err := checkText(value); err != nil {
				return err
			}
			p.table[key] = value
		case int64, bool:
			p.table[key] = fmt.Sprint(value)
		default:
			return mismatch(value, "the value of "+key, `write it in quotes: "…"`)
		}
	}
	return nil
}

const pairsHint = `write KEY="value",KEY2="value2"`

// splitPairs takes KEY="value",KEY2='value 2' apart: the words of a shell in
// its oldest form, in threes, with one word of any kind between two of them.
func splitPairs(line string) (map[string]string, *fault) {
	words, ok := oldWords(line)
	if !ok {
		return nil, faultf(pairsHint, "cannot use %q as variables: No closing quotation", line)
	}
	all := map[string]string{}
	for i := 0; i < len(words); i += 4 {
		if i+2 >= len(words) || words[i+1] != "=" {
			return nil, faultf(pairsHint, "Unexpected end of key/value pairs in value '%s'", line)
		}
		all[words[i]] = strings.Trim(words[i+2], `'"`)
	}
	return all, nil
}

// oldWords is Python's shlex outside of its POSIX mode, with supervisord's word
// characters: a quote opens a word only at its beginning, nothing is escaped,
// and # begins a comment even inside a word. False is a quote that stays open.
func oldWords(line string) (words []string, ok bool) {
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case c == '#':
			i = lineEnd(line, i)
		case c == '\'' || c == '"':
			n := strings.IndexByte(line[i+1:], c)
			if n < 0 {
				return nil, false
			}
			words = append(words, line[i:i+n+2])
			i += n + 2
		case wordByte(c):
			var word string
			word, i = oldWord(line, i)
			words = append(words, word)
		default: // one character, maybe of several bytes
			n := runeLen(line[i:])
			words = append(words, line[i:i+n])
			i += n
		}
	}
	return words, true
}

// oldWord reads a word without quotes and says where it ends. A comment inside
// it hides the rest of the line only.
func oldWord(line string, i int) (string, int) {
	var word strings.Builder
	for i < len(line) {
		switch c := line[i]; {
		case c == '#':
			i = lineEnd(line, i)
		case wordByte(c) || c == '\'' || c == '"':
			word.WriteByte(c)
			i++
		default:
			return word.String(), i
		}
	}
	return word.String(), i
}

func wordByte(c byte) bool {
	return bare(c) || strings.IndexByte("/.+():", c) >= 0
}

func lineEnd(line string, i int) int {
	if n := strings.IndexByte(line[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(line)
}

func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}
