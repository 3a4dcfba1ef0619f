package control

import (
	"bytes"
	"encoding/csv"
	"io"
)

// minimal is the header Prefer (RFC 7240) of who prints nothing but lines: of a thousand
// instances JSON takes longer to write and to read than all else. Where every name means
// something, it is answered with records of csvType; otherwise, and by a server that does
// not know it, in full.
const minimal = "return=minimal"

// Line is what is printed of an instance.
type Line struct {
	Group, Name string
	State       string
	Enforced    string // as in [Status]
	Description string // see [Describe]
}

// Line is the part of a status that is printed.
func (s *Status) Line() Line {
	return Line{Group: s.Group, Name: s.Name, State: s.State, Enforced: s.Enforced, Description: s.Description}
}

// LinesOf is the part of statuses that is printed.
func LinesOf(all []Status) []Line {
	lines := make([]Line, len(all))
	for i := range all {
		lines[i] = all[i].Line()
	}
	return lines
}

// FullName is [Status.FullName].
func (l Line) FullName() string { return FullName(l.Group, l.Name) }

// The fields of a record.
const (
	lineGroup = iota
	lineName
	lineState
	lineEnforced
	lineDescription
	lineFields
)

func encodeLines(all []Line) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, l := range all {
		_ = w.Write([]string{lineGroup: l.Group, lineName: l.Name, lineState: l.State,
			lineEnforced: l.Enforced, lineDescription: l.Description}) // a buffer takes all
	}
	w.Flush()
	return b.Bytes()
}

func readLines(r io.Reader) ([]Line, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	all := make([]Line, 0, bytes.Count(text, []byte("\n")))
	lines := csv.NewReader(bytes.NewReader(text))
	lines.FieldsPerRecord, lines.ReuseRecord = lineFields, true
	for {
		f, err := lines.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Line{Group: f[lineGroup], Name: f[lineName], State: f[lineState],
			Enforced: f[lineEnforced], Description: f[lineDescription]})
	}
}
