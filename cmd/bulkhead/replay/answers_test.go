package replay

import (
	"slices"
	"testing"
	"time"
)

// answer is one question of the probe. Times count from the begin of a run.
type answer struct {
	at   time.Duration // when it was asked
	took time.Duration // until the answer, or until it was given up
	ok   bool
}

// answers are all of a run, in order of time.
type answers []answer

// span is a part of a run.
type span struct{ from, to time.Duration }

func (s span) length() time.Duration { return s.to - s.from }

// within are those that were asked in s.
func (a answers) within(s span) answers {
	return slices.DeleteFunc(slices.Clone(a), func(x answer) bool { return x.at < s.from || x.at >= s.to })
}

// p99 is how long 99 of 100 questions took at most. One that had no answer counts with the time it
// was waited for.
func (a answers) p99() time.Duration {
	if len(a) == 0 {
		return 0
	}
	took := make([]time.Duration, len(a))
	for i, x := range a {
		took[i] = x.took
	}
	slices.Sort(took)
	return took[(len(took)*99+99)/100-1]
}

// silences are the times of s without an answer that are longer than least. One begins with an
// answer, or with s, and ends with the next answer, or with s.
func (a answers) silences(s span, least time.Duration) (all []span) {
	last := s.from
	end := func(at time.Duration) {
		if at-last > least {
			all = append(all, span{last, at})
		}
		last = at
	}
	for _, x := range a.within(s) {
		if at := x.at + x.took; x.ok && at <= s.to {
			end(at)
		}
	}
	end(s.to)
	return all
}

// longest is the longest time of s without an answer.
func (a answers) longest(s span) (d time.Duration) {
	for _, gap := range a.silences(s, 0) {
		d = max(d, gap.length())
	}
	return d
}

func TestAnswers(t *testing.T) {
	const s = time.Second
	all := answers{{0, s, true}, {2 * s, s, true}, {4 * s, 5 * s, false}, {9 * s, s, false}, {10 * s, 2 * s, true}, {13 * s, s, true}, {15 * s, 9 * s, true}}
	for _, c := range []struct {
		name     string
		in       span
		least    time.Duration
		p99      time.Duration
		silences []span
	}{
		{"all", span{0, 14 * s}, 3 * s, 5 * s, []span{{3 * s, 12 * s}}},
		{"nothing was asked", span{20 * s, 24 * s}, s, 0, []span{{20 * s, 24 * s}}},
		{"the answer comes after the end", span{12 * s, 18 * s}, s, 9 * s, []span{{12 * s, 14 * s}, {14 * s, 18 * s}}},
		{"no answer until the end", span{4 * s, 9 * s}, s, 5 * s, []span{{4 * s, 9 * s}}},
		{"short ones do not count", span{0, 3 * s}, 2 * s, s, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := all.within(c.in).p99(); got != c.p99 {
				t.Errorf("p99 %v, want %v", got, c.p99)
			}
			got := all.silences(c.in, c.least)
			if !slices.Equal(got, c.silences) {
				t.Errorf("silences %v, want %v", got, c.silences)
			}
			var most time.Duration
			for _, g := range got {
				most = max(most, g.length())
			}
			if longest := all.longest(c.in); most > 0 && longest != most {
				t.Errorf("longest %v, want %v", longest, most)
			}
		})
	}
	var many answers
	for i := range 200 {
		many = append(many, answer{took: time.Duration(i+1) * s, ok: true})
	}
	if got := many.p99(); got != 198*s {
		t.Errorf("p99 of 1 to 200 s is %v", got)
	}
}
