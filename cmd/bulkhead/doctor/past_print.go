package doctor

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"bulkhead/supervisor/control"
)

// breaksShown and pastShown are the rows of the tables.
const (
	breaksShown = 10
	pastShown   = 20
)

// Print writes the report as text.
func (p *Past) Print(w io.Writer) error {
	var b strings.Builder
	p.head(&b)
	b.WriteString("\n")
	if len(p.Programs) > 0 {
		p.table(&b)
		b.WriteString("\n")
	}
	if len(p.Findings) == 0 {
		b.WriteString("Nothing to say: nothing came near to running out of memory in this time.\n")
	}
	printFindings(&b, p.Findings)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Past) head(b *strings.Builder) {
	fmt.Fprintf(b, "period    %s to %s, %s in %s", p.clock(p.From), p.clock(p.To), readingsText(p.Readings), spanText(p.To.Sub(p.From)))
	if p.Missing > 0 {
		fmt.Fprintf(b, "; nothing is known of %s", spanText(p.Missing))
	}
	m, l := p.Memory, p.Lowest
	fmt.Fprintf(b, "\nmemory    %s, available %s (%.0f%%) at the end; %s\n", control.Size(m.Total), control.Size(m.Available), 100*m.Share(), swapText(m))
	fmt.Fprintf(b, "lowest    available %s (%.0f%%) at %s: %s\n", control.Size(l.Memory.Available), 100*l.Memory.Share(), p.clock(l.At), l.holders())
	if w := p.Pressure; w.Known {
		fmt.Fprintf(b, "pressure  some %.1f%%, all %.1f%% of the time; some %.1f%%, all %.1f%% of the minute before %s\n", w.Some, w.Full, w.Worst.Some, w.Worst.Full, p.clock(w.Worst.At))
	} else {
		b.WriteString("pressure  none, or not kept by the kernel\n")
	}
	switch {
	case p.RoomSpan < pastLeast:
		fmt.Fprintf(b, "change    unknown, from %s of this boot\n", spanText(p.RoomSpan))
	case !p.Room.Sure() || math.Abs(p.Room.Total) < 1<<20:
		fmt.Fprintf(b, "change    none to be told from noise, in %s\n", spanText(p.RoomSpan))
	default:
		verb := "rose"
		if p.Room.PerMinute < 0 {
			verb = "fell"
		}
		fmt.Fprintf(b, "change    available memory and free swap %s by %s an hour, in %s", verb, hourly(p.Room), spanText(p.RoomSpan))
		if p.falls() {
			fmt.Fprintf(b, ": full in %s if that goes on", spanText(untilFull(m.Room(), -p.Room.PerMinute)))
		}
		b.WriteString("\n")
	}
	p.breakLines(b)
	if p.Bad > 0 {
		fmt.Fprintf(b, "unread    %s, torn or not ours; the first: %s\n", linesText(p.Bad), p.Why)
	}
}

func (p *Past) breakLines(b *strings.Builder) {
	hidden := max(len(p.Breaks)-breaksShown, 0)
	for i, k := range p.Breaks[hidden:] {
		label := ""
		if i == 0 {
			label = "breaks"
		}
		fmt.Fprintf(b, "%-9s %s  %s\n", label, p.clock(k.To), k.words())
	}
	if hidden > 0 {
		fmt.Fprintf(b, "%-9s and %d before\n", "", hidden)
	}
}

func (p *Past) table(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROGRAM\tCOUNT\tNOW\tAT MOST\tLARGEST\tSWAP\tAN HOUR\tRESTARTS\tRECYCLES\tOOM")
	for i, g := range p.Programs {
		if i == pastShown {
			fmt.Fprintf(w, "%d more programs\t\t\t\t\t\t\t\t\t\n", len(p.Programs)-i)
			break
		}
		count, now, swap := fmt.Sprint(g.Now.Instances), control.Size(g.Now.Sum), control.Size(g.Now.Swap)
		if !g.There { // configured no more
			count, now, swap = "-", "-", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", printable(g.Name), count, now, control.Size(g.Sum.Bytes), control.Size(g.Largest.Bytes), swap,
			g.hourText(), g.Restarts, g.Recycles, g.OOMKills)
	}
	_ = w.Flush() // a strings.Builder takes everything
}

// hourText is "-" for what is no more than noise, and for too short a time.
func (g PastProgram) hourText() string {
	if !g.Growth.Sure() || math.Abs(g.Growth.Total) < 1<<20 {
		return "-"
	}
	return signedHourly(g.Growth)
}

func readingsText(n int) string {
	if n == 1 {
		return "1 reading"
	}
	return fmt.Sprintf("%d readings", n)
}

func linesText(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

// Silence is how long ago a history ends; 0 for one that goes on.
func (p *Past) Silence(now time.Time) time.Duration {
	if d := now.Sub(p.To); d > gapLeast {
		return d
	}
	return 0
}
