package ini

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser is where one file's reading stands.
type parser struct {
	doc     *Document
	file    string
	section *Section
	value   *Value // that a deeper line goes on with
	indent  int    // of the last header or key
	touched []*Value
	errors  []Error
}

// Parse reads the text of one file into the document. What it returns is wrong
// with the text; the rest is read nevertheless.
func (d *Document) Parse(file, text string) []Error {
	p := &parser{doc: d, file: file}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	n := 0
	for line := range strings.Lines(text) {
		n++
		p.line(n, line)
	}
	for _, v := range p.touched {
		v.Text = strings.TrimRightFunc(strings.Join(v.lines, "\n"), space)
	}
	return p.errors
}

func (p *parser) line(n int, line string) {
	text, commented := uncomment(line)
	text = strings.TrimFunc(text, space)
	if text == "" {
		if !commented && p.value != nil { // a blank line inside a value belongs to it
			p.value.lines = append(p.value.lines, "")
		}
		return
	}
	indent := strings.IndexFunc(line, func(r rune) bool { return !space(r) })
	if p.value != nil && indent > p.indent {
		p.value.lines = append(p.value.lines, text)
		return
	}
	p.indent = indent
	if end := strings.LastIndexByte(text, ']'); text[0] == '[' && end > 1 {
		p.section, p.value = p.doc.open(text[1:end], p.file, n), nil
		return
	}
	p.key(n, text)
}

// key reads KEY = VALUE or KEY: VALUE.
func (p *parser) key(n int, text string) {
	at := strings.IndexAny(text, "=:")
	switch {
	case p.section == nil:
		p.fail(n, "there is no section header above %q", text)
		return
	case at < 0:
		p.fail(n, "%q is neither a [section] nor KEY = VALUE", text)
		return
	case at == 0:
		p.fail(n, "%q has no key before its %q", text, text[:1])
		p.value = nil
		return
	}
	p.value = &Value{
		Key:   strings.ToLower(strings.TrimRightFunc(text[:at], space)),
		File:  p.file,
		Line:  n,
		lines: []string{strings.TrimFunc(text[at+1:], space)},
	}
	p.section.set(p.value)
	p.touched = append(p.touched, p.value)
}

func (p *parser) fail(n int, format string, args ...any) {
	p.errors = append(p.errors, Error{p.file, n, fmt.Sprintf(format, args...)})
}

// uncomment cuts a comment off and says whether there was one.
//
// Python looks for both prefixes in rounds: in the n-th round at the n-th ; and
// at the n-th #. The first round that finds one behind white space decides, so
// in "a;b ;c #d" the comment begins at the #.
func uncomment(line string) (string, bool) {
	if trimmed := strings.TrimLeftFunc(line, space); strings.HasPrefix(trimmed, ";") || strings.HasPrefix(trimmed, "#") {
		return "", true
	}
	at := []int{-1, -1}
	for {
		cut, over := len(line), true
		for i, prefix := range []string{";", "#"} {
			at[i] = after(line, prefix, at[i])
			over = over && at[i] == len(line)
			if opens(line, at[i]) {
				cut = min(cut, at[i])
			}
		}
		if cut < len(line) {
			return line[:cut], true
		}
		if over {
			return line, false
		}
	}
}

// after is where prefix is next behind a place; the line's end where it is not.
func after(line, prefix string, place int) int {
	if place == len(line) {
		return place
	}
	if n := strings.Index(line[place+1:], prefix); n >= 0 {
		return place + 1 + n
	}
	return len(line)
}

// opens says whether a prefix at that place begins a comment.
func opens(line string, place int) bool {
	before, _ := utf8.DecodeLastRuneInString(line[:place])
	return place < len(line) && (place == 0 || space(before))
}

// space is Python's str.isspace.
func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
