package acceptance_test

import (
	"fmt"
	"slices"
	"time"
)

// figure prints one measured fact.
func figure(format string, args ...any) { fmt.Printf("figure: "+format+"\n", args...) }

// spread is the order of a sample.
type spread []time.Duration

func (s spread) at(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(float64(len(sorted))*share), len(sorted)-1)]
}

func (s spread) String() string {
	if len(s) == 0 {
		return "no sample"
	}
	r := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("min %v, median %v, p90 %v, p99 %v, max %v (n=%d)",
		r(s.at(0)), r(s.at(0.5)), r(s.at(0.9)), r(s.at(0.99)), r(s.at(1)), len(s))
}
