package conf

import (
	"slices"
	"strconv"
	"strings"
)

// lines maps key paths of one TOML file to the line they are first written on,
// counted from 1. The TOML library gives positions of syntax errors only.
type lines map[string]int

// maxPath bounds what is recorded of a dotted key: no key of ours is deeper,
// and all prefixes of a hostile one would take quadratic memory.
const maxPath = 16

// maxNesting bounds the recursion into arrays and inline tables.
const maxNesting = 64

func joinPath(path []string) string { return strings.Join(path, "\x00") }

// of returns the line of the longest known prefix of path, 0 for none.
func (l lines) of(path []string) int {
	for n := len(path); n > 0; n-- {
		if line := l[joinPath(path[:n])]; line != 0 {
			return line
		}
	}
	return 0
}

// scanLines finds the line of every key in src. It accepts any text: what is
// not TOML is skipped to the end of its line, since the TOML parser reports it.
func scanLines(src string) lines {
	s := scanner{src: src, line: 1, out: lines{}}
	var table []string
	arrays := map[string]int{}
	for s.blank(); s.pos < len(s.src); s.blank() {
		line := s.line
		if s.skip("[") {
			array := s.skip("[")
			s.number = 0
			table = s.path(nil)
			s.record(table, line)
			if array && 0 < len(table) && len(table) < maxPath {
				name := joinPath(table)
				s.number = len(table)
				table = append(table, strconv.Itoa(arrays[name]))
				arrays[name]++
				s.record(table, line)
			}
		} else if path := s.path(table); s.skip("=") {
			s.record(path, line)
			s.value(path, 0)
		}
		s.restOfLine()
	}
	return s.out
}

type scanner struct {
	src  string
	pos  int
	line int
	out  lines

	number int // where in the path of the table is its number in an array, 0: in none
}

// record notes the line of a path and of what it is in. Inside an array of
// tables it is known with the table's number and, of the first, without.
func (s *scanner) record(path []string, line int) {
	if s.number > 0 && len(path) > s.number {
		s.note(slices.Delete(slices.Clone(path), s.number, s.number+1), line)
	}
	s.note(path, line)
}

func (s *scanner) note(path []string, line int) {
	for n := 1; n <= min(len(path), maxPath); n++ {
		if key := joinPath(path[:n]); s.out[key] == 0 {
			s.out[key] = line
		}
	}
}

// skip moves over token if it is next.
func (s *scanner) skip(token string) bool {
	if !strings.HasPrefix(s.src[s.pos:], token) {
		return false
	}
	s.advance(len(token))
	return true
}

func (s *scanner) advance(n int) {
	s.line += strings.Count(s.src[s.pos:s.pos+n], "\n")
	s.pos += n
}

// until moves to the first byte of stop, or to the end.
func (s *scanner) until(stop string) {
	n := strings.IndexAny(s.src[s.pos:], stop)
	if n < 0 {
		n = len(s.src) - s.pos
	}
	s.advance(n)
}

func (s *scanner) restOfLine() {
	s.until("\n")
	s.skip("\n")
}

func (s *scanner) space() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t') {
		s.pos++
	}
}

// blank moves over white space, line ends and comments.
func (s *scanner) blank() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.advance(1)
		case '#':
			s.until("\n")
		default:
			return
		}
	}
}

// path reads a dotted key and returns it below base.
func (s *scanner) path(base []string) []string {
	path := base[:len(base):len(base)]
	for {
		s.space()
		key, ok := s.key()
		if !ok {
			return path
		}
		if len(path) < maxPath {
			path = append(path, key)
		}
		s.space()
		if !s.skip(".") {
			return path
		}
	}
}

func (s *scanner) key() (string, bool) {
	if s.pos == len(s.src) {
		return "", false
	}
	if quote := s.src[s.pos]; quote == '"' || quote == '\'' {
		start := s.pos
		s.quoted(quote)
		text := strings.Trim(s.src[start:s.pos], string(quote))
		if quote == '"' {
			if plain, err := strconv.Unquote(s.src[start:s.pos]); err == nil {
				text = plain
			}
		}
		return text, true
	}
	start := s.pos
	for s.pos < len(s.src) && bare(s.src[s.pos]) {
		s.pos++
	}
	return s.src[start:s.pos], s.pos > start
}

func bare(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// quoted moves over a one-line string; a line end ends a broken one.
func (s *scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.src) && s.src[s.pos] != '\n'; s.pos++ {
		switch {
		case s.src[s.pos] == quote:
			s.pos++
			return
		case s.src[s.pos] == '\\' && quote == '"' && s.pos+1 < len(s.src) && s.src[s.pos+1] != '\n':
			s.pos++
		}
	}
}

// value moves over a value and records the keys of inline tables in it.
func (s *scanner) value(path []string, depth int) {
	s.space()
	switch {
	case depth > maxNesting:
		s.advance(len(s.src) - s.pos)
	case s.skip(`"""`):
		s.block(`"""`)
	case s.skip(`'''`):
		s.block(`'''`)
	case strings.HasPrefix(s.src[s.pos:], `"`), strings.HasPrefix(s.src[s.pos:], `'`):
		s.quoted(s.src[s.pos])
	case s.skip("["):
		s.items("]", func() { s.value(path, depth+1) })
	case s.skip("{"):
		s.items("}", func() { s.pair(path, depth+1) })
	default:
		s.until(",]}#\n")
	}
}

func (s *scanner) pair(table []string, depth int) {
	line := s.line
	path := s.path(table)
	if s.skip("=") {
		s.record(path, line)
		s.value(path, depth)
	}
}

// items calls item for each element up to closing. An item that takes nothing
// is broken text: one byte of it is dropped.
func (s *scanner) items(closing string, item func()) {
	for s.blank(); s.pos < len(s.src) && !s.skip(closing); s.blank() {
		if s.skip(",") {
			continue
		}
		before := s.pos
		if item(); s.pos == before {
			s.advance(1)
		}
	}
}

// block moves behind a multi-line string, which may end in up to two quotes of
// its own.
func (s *scanner) block(quotes string) {
	for s.pos < len(s.src) {
		if quotes == `"""` && s.src[s.pos] == '\\' && s.pos+1 < len(s.src) {
			s.advance(2)
			continue
		}
		if s.skip(quotes) {
			for n := 0; n < 2 && s.skip(quotes[:1]); n++ {
			}
			return
		}
		s.advance(1)
	}
}
