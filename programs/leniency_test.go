package programs

import (
	"testing"
	"time"
)

func TestLeniency(t *testing.T) {
	const line = 100
	at := func(d time.Duration) time.Time { return time.Unix(0, int64(d)) }
	var never time.Time
	lenient := Leniency{Most: 150, Span: 30 * time.Second}
	for _, tt := range []struct {
		name    string
		rules   Leniency
		since   time.Time
		measure int64
		now     time.Duration
		over    bool
		burst   time.Time
	}{
		{"strict, below", Leniency{}, never, 99, 5, false, never},
		{"strict, at the line", Leniency{}, never, 100, 5, true, never},
		{"strict now, in a burst from before", Leniency{}, at(3), 100, 5, true, never},
		{"below", lenient, never, 99, 5, false, never},
		{"a burst begins", lenient, never, 100, 5, false, at(5)},
		{"it goes on", lenient, at(5), 149, 6, false, at(5)},
		{"it is too large", lenient, at(5), 150, 6, true, never},
		{"it begins too large", lenient, never, 150, 6, true, never},
		{"it lasts", lenient, at(5), 100, 5 + 30*time.Second - 1, false, at(5)},
		{"it lasts too long", lenient, at(5), 100, 5 + 30*time.Second, true, at(5)},
		{"it ends", lenient, at(5), 99, 6, false, never},
		{"late, it has ended", lenient, at(5), 99, time.Hour, false, never},
	} {
		over, burst := tt.rules.Judge(tt.since, line, tt.measure, at(tt.now))
		if over != tt.over || !burst.Equal(tt.burst) {
			t.Errorf("%s: over %v, burst %v; want %v, %v", tt.name, over, burst, tt.over, tt.burst)
		}
	}
}
