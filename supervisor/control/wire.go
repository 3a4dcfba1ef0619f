package control

// The answers of the server, one type per path.

type statusAnswer struct {
	Statuses []Status  `json:"statuses"`
	Bad      []Outcome `json:"bad"`
}

// minimal is the header Prefer (RFC 7240) of who prints nothing but lines: of a thousand
// instances the whole answer takes longer to write and read than all else. A server that
// does not know it answers in full.
const minimal = "return=minimal"

// linesAnswer is statusAnswer, but for what a line does not show.
type linesAnswer struct {
	Statuses []statusLine `json:"statuses"`
	Bad      []Outcome    `json:"bad"`
}

type statusLine struct {
	Name        string `json:"name"`
	Group       string `json:"group"`
	State       string `json:"state"`
	Description string `json:"description"`
	Enforced    string `json:"enforced"`
}

type whyAnswer struct {
	Histories []History `json:"histories"`
	Bad       []Outcome `json:"bad"`
}

type orderAnswer struct {
	Outcomes []Outcome `json:"outcomes"`
	Error    string    `json:"error"`
	Fault    Fault     `json:"fault,omitempty"`
}

// errorAnswer is the body of every answer whose code is not 200.
type errorAnswer struct {
	Error string `json:"error"`
	Fault Fault  `json:"fault,omitempty"`
}

// protocolHeader is on every answer, so that a client can tell another
// server's socket from ours.
const (
	protocolHeader = "Bulkhead-Protocol"
	positionHeader = "Bulkhead-Position" // of a followed log: where the answer begins
	jsonType       = "application/json"
	linesType      = "application/x-ndjson"
	logType        = "application/octet-stream"
)
