package doctor

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func secondsApart(n int) []time.Time {
	var at []time.Time
	for i := range n {
		at = append(at, time.Unix(int64(1000+i), 0))
	}
	return at
}

func TestGrowth(t *testing.T) {
	const m = 1 << 20
	for name, c := range map[string]struct {
		values       []float64
		sure, steady bool
		perMinute    float64
	}{
		"a straight line":    {[]float64{0, m, 2 * m, 3 * m, 4 * m}, true, true, 60 * m},
		"falls":              {[]float64{4 * m, 3 * m, 2 * m, m, 0}, true, true, -60 * m},
		"flat":               {[]float64{m, m, m, m, m}, false, false, 0},
		"up and down":        {[]float64{0, m, 0, m, 0, m, 0}, false, false, 0},
		"two readings":       {[]float64{0, m}, false, false, 60 * m},
		"one step":           {[]float64{0, 0, 0, 0, 0, 0, m, m, m, m, m}, true, false, 8.1818 * m},
		"early, then none":   {[]float64{0, 5 * m, 9 * m, 10 * m, 10 * m, 10 * m, 10 * m}, true, false, 87.857 * m},
		"a line that shakes": {[]float64{0, 2 * m, 1 * m, 4 * m, 3 * m, 6 * m, 5 * m, 8 * m}, true, true, 60.714 * m},
		"one reading":        {[]float64{m}, false, false, 0},
	} {
		g := growth(secondsApart(len(c.values)), c.values)
		if g.Sure() != c.sure || g.Steady != c.steady || math.Abs(g.PerMinute-c.perMinute) > m/100 {
			t.Errorf("%s: %+v, sure %v; want sure %v, steady %v, %.0f a minute", name, g, g.Sure(), c.sure, c.steady, c.perMinute)
		}
	}
	if g := growth([]time.Time{time.Unix(1, 0), time.Unix(1, 0)}, []float64{1, 2}); g.Sure() || g.PerMinute != 0 {
		t.Errorf("two readings at once have a rate: %+v", g)
	}
}

// TestGrowthOfLines: what grows in a line is found to, whatever the line.
func TestGrowthOfLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 30).Draw(t, "readings")
		slope := rapid.Float64Range(-1e9, 1e9).Draw(t, "bytes a second")
		base := rapid.Float64Range(0, 1e12).Draw(t, "bytes at first")
		values := make([]float64, n)
		for i := range values {
			values[i] = base + slope*float64(i)
		}
		g := growth(secondsApart(n), values)
		if math.Abs(g.PerMinute-60*slope) > 1e-3*math.Abs(slope)+1 || math.IsNaN(g.Error) || g.Error < 0 {
			t.Fatalf("%+v", g)
		}
		if want := slope * float64(n-1); math.Abs(g.Total-want) > 1e-3*math.Abs(want)+1 {
			t.Fatalf("the total is %v, want %v", g.Total, want)
		}
	})
}
