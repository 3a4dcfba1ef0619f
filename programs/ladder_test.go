package programs

import (
	"testing"
	"time"
)

const mib = 1 << 20

var ladderRules = LadderRules{
	Rungs: [Sacrifice + 1]RungRule{
		Hold:      {Below: 100 * mib, Full: 5},
		Pause:     {Below: 80 * mib, Full: 10},
		Scale:     {Below: 60 * mib},
		Reclaim:   {}, // not used
		Sacrifice: {Below: 20 * mib, Full: 40},
	},
	Relief: 10 * time.Second,
}

// TestLadderClimbs: memory that is gone asks for its rung at once, and so does waiting for it.
func TestLadderClimbs(t *testing.T) {
	for _, c := range []struct {
		available int64
		full      float64
		want      Rung
	}{
		{500, 0, Ground}, {100, 0, Ground}, {99, 0, Hold}, {79, 0, Pause}, {59, 0, Scale}, {20, 0, Scale}, {19, 0, Sacrifice}, {0, 0, Sacrifice},
		{500, 4.9, Ground}, {500, 5, Hold}, {500, 10, Pause}, {500, 39, Pause}, {500, 40, Sacrifice},
		{59, 5, Scale}, {99, 12, Pause},
	} {
		r := HostReading{At: time.Second, Available: c.available * mib, Full: c.full}
		if got := (Ladder{}).Look(ladderRules, r).Rung; got != c.want {
			t.Errorf("%d MiB available, full %.1f%%: %v, want %v", c.available, c.full, got, c.want)
		}
		if got := (Ladder{Rung: Sacrifice, Well: 1}).Look(ladderRules, r); got.Rung != Sacrifice {
			t.Errorf("%d MiB available, full %.1f%%: one look takes it from the top to %v", c.available, c.full, got)
		}
	}
}

// TestLadderIsLeftSlowly: one rung after the other, each when all has been well for
// the relief, by a margin; a shortage in between begins anew.
func TestLadderIsLeftSlowly(t *testing.T) {
	l := Ladder{}
	for i, c := range []struct {
		at        int // seconds
		available int64
		full      float64
		want      Rung
	}{
		{1, 15, 0, Sacrifice},
		{2, 24, 0, Sacrifice},  // under the margin of 25
		{3, 30, 0, Sacrifice},  // well from here
		{12, 30, 0, Sacrifice}, // not for 10 s yet
		{13, 30, 0, Reclaim},   // not used, but one rung after the other
		{14, 19, 0, Sacrifice}, // again
		{15, 500, 0, Sacrifice},
		{25, 500, 0, Reclaim},
		{35, 500, 0, Scale},
		{36, 500, 30, Scale}, // Scale has no line for waiting, and the host is not well enough for Pause
		{45, 500, 30, Pause}, // which it asks for itself
		{46, 500, 6, Pause},  // over half of its line
		{56, 500, 6, Pause},
		{57, 500, 4, Pause},
		{67, 500, 4, Hold},
		{77, 500, 4, Hold}, // over half of 5
		{78, 500, 1, Hold},
		{88, 500, 1, Ground},
		{89, 500, 1, Ground},
	} {
		l = l.Look(ladderRules, HostReading{At: time.Duration(c.at) * time.Second, Available: c.available * mib, Full: c.full})
		if l.Rung != c.want {
			t.Errorf("step %d, at %d s: %v, want %v", i, c.at, l.Rung, c.want)
		}
	}
	if l != (Ladder{}) {
		t.Errorf("the ground remembers %+v", l)
	}
}

// Waiting counts where memory is short: a program may be throttled at its own line.
func TestWaitingWithMemoryAtHand(t *testing.T) {
	rules := ladderRules
	rules.Near = 150 * mib
	for available, want := range map[int64]Rung{150: Ground, 149: Sacrifice} {
		if got := (Ladder{}).Look(rules, HostReading{At: 1, Available: available * mib, Full: 90}).Rung; got != want {
			t.Errorf("%d MiB: %v, want %v", available, got, want)
		}
	}
}

func TestInForce(t *testing.T) {
	for rung := Ground; rung <= Sacrifice; rung++ {
		for of := Hold; of <= Sacrifice; of++ {
			if got, want := (Ladder{Rung: rung}).InForce(ladderRules, of), rung >= of && of != Reclaim; got != want {
				t.Errorf("on %v, %v is in force: %v", rung, of, got)
			}
		}
	}
}
