package doctor

import "time"

// PastDocument is a report over a history as JSON. Sizes are bytes, times seconds, rates bytes a minute; null is
// what is not known.
type PastDocument struct {
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Readings int               `json:"readings"`
	Missing  float64           `json:"missing_seconds"` // between from and to, of which nothing is known
	Memory   Memory            `json:"memory"`          // at the end
	Lowest   PastLowest        `json:"lowest"`          // the least that was available
	Pressure *PastPressure     `json:"pressure"`        // null: nobody ever waited, or the kernel keeps no figures
	Room     DocumentRate      `json:"room"`            // growth of available memory and free swap, since the last boot
	Seconds  float64           `json:"room_seconds"`    // since then
	Kills    []Kills           `json:"oom_kills"`       // by the kernel, whosever, in the minute before
	Breaks   []PastBreak       `json:"breaks"`          // the earliest first
	Programs []PastProgramLine `json:"programs"`        // the heaviest first
	Lost     int               `json:"lost"`            // lines that could not be written
	Unread   int               `json:"unread"`          // lines that could not be read
	Findings []Finding         `json:"findings"`        // the worst first
}

// PastLowest is the moment with the least available memory.
type PastLowest struct {
	At      time.Time `json:"at"`
	Memory  Memory    `json:"memory"`
	Holders []Holder  `json:"holders"` // bulkhead's programs that had the most
	Others  int64     `json:"others"`  // in use, and none of theirs
}

// PastPressure is percent of the time, and of the worst minute.
type PastPressure struct {
	Some      float64   `json:"some"`
	Full      float64   `json:"full"`
	WorstAt   time.Time `json:"worst_at"`
	WorstSome float64   `json:"worst_some"`
	WorstFull float64   `json:"worst_full"`
}

// PastBreak is when nothing is known, or one supervisor went on for another.
type PastBreak struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  Why       `json:"why"`
}

// PastProgramLine is one row of the table.
type PastProgramLine struct {
	Name      string       `json:"name"`
	Count     *int         `json:"count"` // null: it is configured no more
	Sum       int64        `json:"sum"`
	Swap      int64        `json:"swap"`
	SumMost   int64        `json:"sum_most"`
	SumAt     time.Time    `json:"sum_most_at"`
	Largest   int64        `json:"largest"` // of one instance
	LargestAt time.Time    `json:"largest_at"`
	Growth    DocumentRate `json:"growth"`
	Seconds   float64      `json:"growth_seconds"` // since one of its runs began or ended
	Restarts  int64        `json:"restarts"`
	Recycles  int64        `json:"recycles"`
	OOMKills  int64        `json:"oom_kills"`
	MemoryMax int64        `json:"memory_max"` // 0 none
	MaxMemory int64        `json:"max_memory"` // 0 none
}

// Document turns the report into what is encoded.
func (p *Past) Document() PastDocument {
	d := PastDocument{From: p.From, To: p.To, Readings: p.Readings, Missing: p.Missing.Seconds(), Memory: p.Memory,
		Lowest: PastLowest{p.Lowest.At, p.Lowest.Memory, append([]Holder{}, p.Lowest.Holders...), p.Lowest.Others},
		Room:   p.Room.document(), Seconds: p.RoomSpan.Seconds(), Kills: append([]Kills{}, p.Kills...), Breaks: []PastBreak{}, Programs: []PastProgramLine{},
		Lost: p.Lost, Unread: p.Bad, Findings: documentFindings(p.Findings)}
	if w := p.Pressure; w.Known {
		d.Pressure = &PastPressure{w.Some, w.Full, w.Worst.At, w.Worst.Some, w.Worst.Full}
	}
	for _, b := range p.Breaks {
		d.Breaks = append(d.Breaks, PastBreak{b.From, b.To, b.Why})
	}
	for _, g := range p.Programs {
		row := PastProgramLine{Name: g.Name, Sum: g.Now.Sum, Swap: g.Now.Swap, SumMost: g.Sum.Bytes, SumAt: g.Sum.At, Largest: g.Largest.Bytes,
			LargestAt: g.Largest.At, Growth: g.Growth.document(), Seconds: g.Span.Seconds(), Restarts: g.Restarts, Recycles: g.Recycles,
			OOMKills: g.OOMKills, MemoryMax: g.Now.MemoryMax, MaxMemory: g.Now.MaxMemory}
		if g.There {
			row.Count = &g.Now.Instances
		}
		d.Programs = append(d.Programs, row)
	}
	return d
}
