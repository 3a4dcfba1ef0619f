package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What one exec can take: a quarter of the usual 8 MiB stack in sum, 128 KiB
// for one KEY=value (execve(2)). The second also stops values that grow by
// naming themselves twice.
const (
	maxEnvFile  = 2 << 20
	maxEnvValue = 128 << 10
)

// EnvFileError is a place in an env_file that cannot be read.
type EnvFileError struct {
	File string
	Line int // from 1
	Err  error
}

func (e *EnvFileError) Error() string {
	return fmt.Sprintf("cannot read env_file %q: line %d: %v", e.File, e.Line, e.Err)
}

func (e *EnvFileError) Unwrap() error { return e.Err }

// ReadEnvFile reads and parses the file; see [ParseEnvFile].
func ReadEnvFile(path string, lookup func(string) (string, bool)) (map[string]string, error) {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, maxEnvFile+1)); err == nil {
			if len(data) > maxEnvFile {
				return nil, fmt.Errorf("cannot read env_file %q: larger than %d bytes", path, maxEnvFile)
			}
			return ParseEnvFile(path, data, lookup)
		}
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return nil, fmt.Errorf("cannot read env_file %q: %w", path, err)
}

// ParseEnvFile parses KEY=value lines by the grammar of vlucas/phpdotenv 5,
// which reads the same file in a Laravel application:
//
//   - Empty lines and lines that start with "#" (or systemd's ";") are
//     skipped; "export " before a key is.
//   - A bare value ends at white space or "#"; after white space only a
//     comment may follow.
//   - '...' is literal. "..." knows \" \\ \$ \n \r \t \f \v. Both may span lines.
//   - ${KEY}, bare or in "...", is the value of an earlier line, else of
//     lookup, else stays as it is. lookup may be nil.
//
// A key without "=" is an error. Every error is an *EnvFileError of name.
func ParseEnvFile(name string, data []byte, lookup func(string) (string, bool)) (map[string]string, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	p := &envParser{rest: text, line: 1, env: map[string]string{}, lookup: lookup}
	for p.rest != "" {
		line := p.line
		if err := p.entry(); err != nil {
			return nil, &EnvFileError{File: name, Line: line, Err: err}
		}
	}
	return p.env, nil
}

type envParser struct {
	rest   string
	line   int
	env    map[string]string
	lookup func(string) (string, bool)
	size   int // of all values read
}

var errEnvSize = errors.New("more than a program can be given as its environment")

const blank = " \t\v\f\r"

// entry consumes one line, or several where quotes hold them together.
func (p *envParser) entry() error {
	p.rest = strings.TrimLeft(p.rest, blank)
	line, _, _ := strings.Cut(p.rest, "\n")
	if line == "" || line[0] == '#' || line[0] == ';' {
		p.skipLine()
		return nil
	}
	before, _, ok := strings.Cut(line, "=")
	key, err := envKey(before)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%q has no value: write %s=", key, key)
	}
	p.rest = strings.TrimLeft(p.rest[len(before)+1:], blank)
	value, err := p.value()
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if p.size += len(value); len(value) > maxEnvValue || p.size > maxEnvFile {
		return fmt.Errorf("%s: %w", key, errEnvSize)
	}
	if strings.IndexByte(value, 0) >= 0 {
		return fmt.Errorf("%s: contains a NUL byte", key)
	}
	p.env[key] = value
	return nil
}

func (p *envParser) skipLine() {
	_, p.rest, _ = strings.Cut(p.rest, "\n")
	p.line++
}

func envKey(text string) (string, error) {
	key := strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(key, "export"); ok && rest != "" && strings.ContainsAny(rest[:1], blank) {
		key = strings.TrimSpace(rest)
	}
	if n := len(key); n >= 2 && (key[0] == '"' || key[0] == '\'') && key[0] == key[n-1] {
		key = key[1 : n-1]
	}
	bad := func(r rune) bool {
		return r == utf8.RuneError || r != '_' && r != '.' && !unicode.In(r, unicode.L, unicode.M, unicode.N)
	}
	if key == "" || strings.ContainsFunc(key, bad) {
		return "", fmt.Errorf("invalid key %q", key)
	}
	return key, nil
}

// value consumes what stands behind "=", to the end of its last line.
func (p *envParser) value() (string, error) {
	var out strings.Builder
	var err error
	switch {
	case strings.HasPrefix(p.rest, "'"):
		err = p.single(&out)
	case strings.HasPrefix(p.rest, `"`):
		err = p.double(&out)
	default:
		err = p.bare(&out)
	}
	if err != nil {
		return "", err
	}
	tail, _, _ := strings.Cut(p.rest, "\n")
	if rest := strings.TrimLeft(tail, blank); rest != "" && rest[0] != '#' {
		return "", fmt.Errorf("unexpected %q after the value: put quotes around the whole of it", rest)
	}
	p.skipLine()
	return out.String(), nil
}

func (p *envParser) single(out *strings.Builder) error {
	text, rest, ok := strings.Cut(p.rest[1:], "'")
	if !ok {
		return errors.New("missing closing quote (')")
	}
	out.WriteString(text)
	p.line += strings.Count(text, "\n")
	p.rest = rest
	return nil
}

func (p *envParser) double(out *strings.Builder) error {
	p.rest = p.rest[1:]
	for p.rest != "" {
		switch c := p.rest[0]; c {
		case '"':
			p.rest = p.rest[1:]
			return nil
		case '\\':
			if len(p.rest) < 2 {
				return errors.New(`missing closing quote (")`)
			}
			i := strings.IndexByte(`"\$nrtfv`, p.rest[1])
			if i < 0 {
				return fmt.Errorf("unknown escape sequence %q", p.rest[:2])
			}
			out.WriteByte("\"\\$\n\r\t\f\v"[i])
			p.rest = p.rest[2:]
		case '$':
			if err := p.dollar(out); err != nil {
				return err
			}
		default:
			if c == '\n' {
				p.line++
			}
			out.WriteByte(c)
			p.rest = p.rest[1:]
		}
	}
	return errors.New(`missing closing quote (")`)
}

func (p *envParser) bare(out *strings.Builder) error {
	for p.rest != "" && !strings.ContainsAny(p.rest[:1], blank+"\n#") {
		if p.rest[0] == '$' {
			if err := p.dollar(out); err != nil {
				return err
			}
			continue
		}
		out.WriteByte(p.rest[0])
		p.rest = p.rest[1:]
	}
	return nil
}

// dollar consumes "${KEY}" and writes its value, or a "$" that means itself.
func (p *envParser) dollar(out *strings.Builder) error {
	if inner, ok := strings.CutPrefix(p.rest, "${"); ok {
		if key, rest, ok := strings.Cut(inner, "}"); ok {
			if _, err := envKey(key); err == nil {
				if value, ok := p.find(key); ok {
					if out.Len()+len(value) > maxEnvValue {
						return errEnvSize
					}
					out.WriteString(value)
					p.rest = rest
					return nil
				}
			}
		}
	}
	out.WriteByte('$')
	p.rest = p.rest[1:]
	return nil
}

func (p *envParser) find(key string) (string, bool) {
	if v, ok := p.env[key]; ok {
		return v, true
	}
	if p.lookup != nil {
		return p.lookup(key)
	}
	return "", false
}
