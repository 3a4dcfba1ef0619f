package doctor

import "math"

// Document is a report as JSON. Sizes are bytes, times seconds; null is what is not known.
type Document struct {
	Memory     Memory            `json:"memory"`
	Pressure   *Pressure         `json:"pressure"` // null: the kernel keeps none
	Readings   int               `json:"readings"`
	Seconds    float64           `json:"seconds"`    // between the first reading and the last
	Room       DocumentRate      `json:"room"`       // growth of available memory and free swap
	Unmeasured int               `json:"unmeasured"` // processes whose Pss may not be read
	Hidden     bool              `json:"hidden"`     // other processes are not shown to us
	Programs   []DocumentProgram `json:"programs"`   // the heaviest first
	Victims    []DocumentVictim  `json:"victims"`    // whom the OOM killer would take first
	Findings   []Finding         `json:"findings"`   // the worst first
}

// DocumentRate is bytes a minute; null where there were too few readings.
type DocumentRate struct {
	PerMinute *int64 `json:"per_minute"`
	Error     *int64 `json:"error"` // either way, 95% sure
}

// DocumentProgram is one row of the table.
type DocumentProgram struct {
	Name   string       `json:"name"`
	Count  int          `json:"count"`
	RSS    int64        `json:"rss"`
	Pss    *int64       `json:"pss"`
	Swap   int64        `json:"swap"`
	Growth DocumentRate `json:"growth"`
	PIDs   []int        `json:"pids"`
}

// DocumentVictim is a process that the OOM killer may take.
type DocumentVictim struct {
	PID         int    `json:"pid"`
	Program     string `json:"program"`
	RSS         int64  `json:"rss"`
	Swap        int64  `json:"swap"`
	OOMScore    *int   `json:"oom_score"`
	OOMScoreAdj int    `json:"oom_score_adj"`
}

// Document turns the report into what is encoded. Of the victims there are as many as are printed.
func (r *Report) Document() Document {
	d := Document{
		Memory:   r.Host.Memory,
		Pressure: r.Host.Pressure, Readings: r.Readings, Seconds: r.Span.Seconds(), Room: r.Room.document(),
		Unmeasured: r.Host.Unmeasured, Hidden: r.Host.Hidden,
		Programs: []DocumentProgram{}, Victims: []DocumentVictim{},
	}
	for _, p := range r.Programs {
		row := DocumentProgram{Name: p.Name, Count: len(p.Processes), RSS: p.RSS, Pss: known(p.Pss), Swap: p.Swap, Growth: p.Growth.document()}
		for _, one := range p.Processes {
			row.PIDs = append(row.PIDs, one.PID)
		}
		d.Programs = append(d.Programs, row)
	}
	for _, v := range r.Victims[:min(len(r.Victims), victimsShown)] {
		d.Victims = append(d.Victims, DocumentVictim{v.PID, v.Program, v.RSS, v.Swap, known(v.OOMScore), v.OOMScoreAdj})
	}
	d.Findings = documentFindings(r.Findings)
	return d
}

// documentFindings has lists where there is nothing, and no null.
func documentFindings(all []Finding) []Finding {
	out := []Finding{}
	for _, f := range all {
		if f.Advice == nil {
			f.Advice = []string{}
		}
		if f.Facts == nil {
			f.Facts = []string{}
		}
		out = append(out, f)
	}
	return out
}

func known[T int | int64](n T) *T {
	if n == unknown {
		return nil
	}
	return &n
}

func (g Growth) document() DocumentRate {
	var d DocumentRate
	if !math.IsInf(g.Error, 0) {
		rate, off := int64(math.Round(g.PerMinute)), int64(math.Ceil(g.Error))
		d.PerMinute, d.Error = &rate, &off
	}
	return d
}
