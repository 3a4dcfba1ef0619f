package replay

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// The plot's measures, in pixels.
const (
	panelWide, panelHigh = 460, 110
	panelLeft, panelTop  = 50, 40
	panelGap             = 30
)

// plot is an SVG: a row an outage, on the left under supervisord, on the right under
// bulkhead. The line is the memory available, red are the times without an answer.
func plot(h host, all []outcome) string {
	var order []string
	longest := map[string]time.Duration{}
	for _, o := range all {
		if _, ok := longest[o.outage]; !ok {
			order = append(order, o.outage)
		}
		longest[o.outage] = max(longest[o.outage], o.took)
	}
	wide := panelLeft + 2*panelWide + panelGap + 10
	high := panelTop + len(order)*(panelHigh+panelGap) + 20
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", wide, high, wide, high)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", wide, high)
	for i, side := range []string{supervisord, bulkhead} {
		fmt.Fprintf(&b, `<text x="%d" y="16" font-size="14" font-weight="bold">%s</text>`+"\n", panelLeft+i*(panelWide+panelGap), side)
	}
	for _, o := range all {
		row, column := 0, 0
		for order[row] != o.outage {
			row++
		}
		if o.side == bulkhead {
			column = 1
		}
		o.draw(&b, panelLeft+column*(panelWide+panelGap), panelTop+row*(panelHigh+panelGap), longest[o.outage], h.memory)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555">available memory over time; red: no answer of the web server for more than a second; %s</text>`+"\n", panelLeft, high-8, h)
	b.WriteString("</svg>\n")
	return b.String()
}

// draw draws one panel with its corner at x, y; the axes are the same on both sides.
func (o outcome) draw(b *strings.Builder, x, y int, longest time.Duration, memory int64) {
	right := func(d time.Duration) float64 {
		return float64(x) + float64(min(d, longest))/float64(max(longest, 1))*panelWide
	}
	down := func(bytes int64) float64 {
		return float64(y) + panelHigh - float64(min(bytes, memory))/float64(max(memory, 1))*panelHigh
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#bbb"/>`+"\n", x, y, panelWide, panelHigh)
	for _, g := range o.gaps {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#e33" fill-opacity="0.35"/>`+"\n", right(g.from), y, right(g.to)-right(g.from), panelHigh)
	}
	var points strings.Builder
	for _, r := range o.memory {
		fmt.Fprintf(&points, "%.1f,%.1f ", right(r.at), down(r.available))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#06c" stroke-width="1.5"/>`+"\n", strings.TrimSpace(points.String()))
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", x, y-5, o.outage)
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#555" text-anchor="end">silent %s, %d OOM kills, %d jobs lost</text>`+"\n", x+panelWide, y-5, brief(o.silence), o.hostKills, o.lost)
	if o.side == supervisord {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#555">%d M</text><text x="%d" y="%d" text-anchor="end" fill="#555">0</text>`+"\n", x-4, y+9, memory>>20, x-4, y+panelHigh)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#555" text-anchor="end">%d s</text>`+"\n", x+panelWide, y+panelHigh+12, int(longest.Seconds()))
}

func TestPlot(t *testing.T) {
	const s = time.Second
	all := []outcome{
		{outage: "leak", side: supervisord, took: 100 * s, memory: []reading{{at: 0, available: 1 << 30}, {at: 50 * s, available: 0}}, gaps: []span{{25 * s, 75 * s}}, silence: 50 * s},
		{outage: "leak", side: bulkhead, took: 50 * s, memory: []reading{{at: 50 * s, available: 4 << 30}}},
		{outage: "keep", side: bulkhead},
	}
	text := plot(host{memory: 2 << 30}, all)
	for _, part := range []string{
		`<polyline points="50.0,95.0 280.0,150.0"`,          // half of the memory, then none
		`<polyline points="770.0,40.0"`,                     // the same axis of time, and no higher than the panel
		`<rect x="165.0" y="40" width="230.0" height="110"`, // half of the time silent
		`>silent 50s, 0 OOM kills, 0 jobs lost<`,
		`<polyline points=""`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
