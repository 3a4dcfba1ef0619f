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

// The fields of a record.
const (
	lineGroup = iota
	lineName
	lineState
	lineEnforced
	lineDescription
	lineFields
)

func encodeLines(all []Status) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, s := range all {
		_ = w.Write([]string{lineGroup: s.Group, lineName: s.Name, lineState: s.State,
			lineEnforced: s.Enforced, lineDescription: s.Description}) // a buffer takes all
	}
	w.Flush()
	return b.Bytes()
}

func readLines(r io.Reader) ([]Status, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	all := make([]Status, 0, bytes.Count(text, []byte("\n")))
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
		all = append(all, Status{Group: f[lineGroup], Name: f[lineName], State: f[lineState],
			Enforced: f[lineEnforced], Description: f[lineDescription]})
	}
}
