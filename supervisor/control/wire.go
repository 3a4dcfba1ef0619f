package control

// The answers of the server, one type per path.

type statusAnswer struct {
	Statuses []Status  `json:"statuses"`
	Bad      []Outcome `json:"bad"`
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
	csvType        = "text/csv; header=absent" // RFC 4180
	logType        = "application/octet-stream"
)
