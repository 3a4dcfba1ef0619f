package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Line is what is known of one moment. Sizes are bytes.
type Line struct {
	At   time.Time `json:"at"`   // to the second, in UTC
	Up   int64     `json:"up"`   // seconds since the boot, those asleep too
	Boot string    `json:"boot"` // tells one boot from another

	// With a mark.
	Mark    Mark   `json:"mark,omitempty"`
	Version string `json:"version,omitempty"` // of bulkhead
	Config  string `json:"config,omitempty"`  // the path of its configuration

	Lost int `json:"lost,omitempty"` // lines before this one that could not be written

	// Of a reading.
	Memory   *Memory            `json:"memory,omitempty"`    // nil: the line is a mark alone
	Some     int64              `json:"some,omitempty"`      // µs since the boot in which some tasks waited for memory (/proc/pressure/memory)
	Full     int64              `json:"full,omitempty"`      // µs in which all did
	OOMKills int64              `json:"oom_kills,omitempty"` // processes that the kernel has killed since the boot (/proc/vmstat), whoever's
	Programs map[string]Program `json:"programs,omitempty"`  // by the name of their table
}

// Mark is a moment in a supervisor's life.
type Mark string

const (
	Start   Mark = "start"   // it begins
	Upgrade Mark = "upgrade" // it begins, in the process of the one before
	Stop    Mark = "stop"    // it ends, and everything is stopped
	Leave   Mark = "leave"   // it ends, and its programs run on
)

// Memory is the host's (/proc/meminfo).
type Memory struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
	SwapTotal int64 `json:"swap_total"`
	SwapFree  int64 `json:"swap_free"`
}

// Program is what all runs of one hold by the measure (memory that only they can give
// back, swapped out or not), and what has become of them. The counts begin with the
// state directory, and may fall: when an instance is configured no more.
type Program struct {
	Instances int   `json:"n"`    // runs that live, two of an instance that is being replaced
	Sum       int64 `json:"sum"`  // of all runs
	Most      int64 `json:"most"` // of the largest
	Swap      int64 `json:"swap,omitempty"`

	Runs     int64 `json:"runs,omitempty"`     // that were ever started
	Restarts int64 `json:"restarts,omitempty"` // after an end that nobody asked for
	Recycles int64 `json:"recycles,omitempty"`
	OOMKills int64 `json:"oom_kills,omitempty"` // runs that were killed for want of memory

	MemoryMax int64 `json:"memory_max,omitempty"` // limits.memory_max, 0 none
	TotalMax  int64 `json:"total_max,omitempty"`  // total.memory_max, 0 none
	MaxMemory int64 `json:"max_memory,omitempty"` // recycle.max_memory, 0 none
}

// amountMost is more than any amount can be: sums of amounts stay numbers.
const amountMost = 1 << 52

// Parse reads one line, with or without its newline. What it returns is sound: amounts are
// from 0 to 2^52, a total is more than 0, and years have four digits.
func Parse(text []byte) (Line, error) {
	l, err := parse(text)
	if err != nil {
		return Line{}, fmt.Errorf("cannot read a line of history: %v", err)
	}
	return l, nil
}

func parse(text []byte) (l Line, err error) {
	if err := json.Unmarshal(text, &l); err != nil {
		return l, err
	}
	if l.At.IsZero() || l.Boot == "" {
		return l, errors.New("it has no time or no boot")
	}
	l.At = l.At.UTC()
	if y := l.At.Year(); y < 1970 || y > 9998 {
		return l, fmt.Errorf("it is of the year %d", y)
	}
	if l.Memory == nil && l.Mark == "" {
		return l, errors.New("it says nothing of memory")
	}
	if n, ok := l.unsound(); !ok {
		return l, fmt.Errorf("it has the amount %d", n)
	}
	return l, nil
}

// unsound finds an amount that cannot be; ok is true when there is none.
func (l *Line) unsound() (n int64, ok bool) {
	all := []int64{l.Up, int64(l.Lost), l.Some, l.Full, l.OOMKills}
	if m := l.Memory; m != nil {
		if m.Total == 0 {
			return 0, false
		}
		all = append(all, m.Total, m.Available, m.SwapTotal, m.SwapFree)
	}
	for _, p := range l.Programs {
		all = append(all, int64(p.Instances), p.Sum, p.Most, p.Swap, p.Runs, p.Restarts, p.Recycles, p.OOMKills, p.MemoryMax, p.TotalMax, p.MaxMemory)
	}
	for _, n := range all {
		if n < 0 || n > amountMost {
			return n, false
		}
	}
	return 0, true
}

// encode is Parse's inverse, with the newline.
func (l Line) encode() ([]byte, error) {
	l.At = l.At.UTC().Truncate(time.Second)
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("internal error: cannot encode a line of history: %v", err)
	}
	return append(b, '\n'), nil
}
