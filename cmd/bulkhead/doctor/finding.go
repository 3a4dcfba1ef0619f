package doctor

import "fmt"

// Severity says how bad a finding is.
type Severity int

const (
	Note    Severity = iota // worth knowing
	Warning                 // will hurt some day
	Serious                 // an outage is under way, or one event away
)

func (s Severity) String() string {
	switch s {
	case Serious:
		return "serious"
	case Warning:
		return "warning"
	}
	return "note"
}

// MarshalText is for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is its inverse.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Note, Warning, Serious} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("cannot read severity %q", text)
}

// Finding is one thing that is wrong, with its numbers, and what would mend it.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"` // names the kind of finding, and stays the same
	Title    string   `json:"title"`
	Facts    []string `json:"facts"`
	Advice   []string `json:"advice"` // commands and keys
}

func (f *Finding) fact(format string, args ...any) {
	f.Facts = append(f.Facts, fmt.Sprintf(format, args...))
}

func (f *Finding) advise(format string, args ...any) {
	f.Advice = append(f.Advice, fmt.Sprintf(format, args...))
}
