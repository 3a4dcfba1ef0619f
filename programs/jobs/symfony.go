package jobs

import (
	"bytes"
	"regexp"
	"time"
)

// The log lines of symfony/messenger's Worker, SendFailedMessageForRetryListener
// and AckSender (6 and 7), as Monolog's console handler prints them with -vv.
// Without an interpolating processor the name is the literal {class}.
var messengerLine = regexp.MustCompile(`(Received message |Error thrown while handling message )([^\s"]+?)(?:\. (?:Sending for retry|Removing from transport)|["\s]|$)|([^\s"]+) was handled successfully`)

// symfonyLine counts every end: a worker with batch handlers receives several
// messages before it acknowledges the first.
func (c *Counter) symfonyLine(line []byte, now time.Time) {
	if !bytes.Contains(line, []byte("message ")) && !bytes.Contains(line, []byte(" was handled successfully")) {
		return
	}
	m := messengerLine.FindSubmatch(clean(line))
	switch {
	case m == nil:
	case len(m[3]) > 0:
		c.end(string(m[3]), false, true, now)
	case m[1][0] == 'R':
		c.start(string(m[2]), now)
	default:
		c.end(string(m[2]), true, true, now)
	}
}
