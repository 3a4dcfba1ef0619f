package programs

import "time"

const (
	// SampleMost is the longest time between two samples. Where the kernel holds
	// the limits, sampling only backs its events up.
	SampleMost = 15 * time.Second
	// SampleCalm is the longest, and SampleLow the shortest, where sampling is
	// all there is. A run is looked at again soon after its first sample.
	SampleCalm = 2 * time.Second
	SampleLow  = 200 * time.Millisecond
	// SampleFresh is how old what the sampler says may be for who asks how a run is, where
	// sampling is all there is: the last round, with the time that one takes.
	SampleFresh = SampleCalm + SampleLow
	// SampleBorn is for how long after a start the host is looked at each SampleCalm: by two
	// readings it is known how fast its memory goes.
	SampleBorn = 2 * SampleCalm
	// sampleSoon is how much too early a run may be looked at, to spare a round of its own.
	sampleSoon = SampleLow / 2
	// scoreAgain is the time between the first two looks at the oom_score_adj of a run's
	// processes, and scoreMost the longest between two.
	scoreAgain = time.Minute
	scoreMost  = 4 * time.Minute
)

// NextScore says when to look again at the oom_score_adj of a run's processes, after
// so many looks in a row that found nothing: what raises its own does so early, and
// what forks, again and again. Looks are taken together with a sample: half of one
// less, so that it is this one and not the next.
func NextScore(calm int) time.Duration {
	wait := scoreMost
	if calm < 8 {
		wait = min(scoreAgain<<max(calm-1, 0), scoreMost)
	}
	return wait - SampleMost/2
}

// NextSample says when to look again at a run that is room bytes below its next
// line and grew by so much since the last look: early enough to look three
// times before it gets there at that rate.
func NextSample(room, grown int64, since time.Duration) time.Duration {
	return nextWithin(SampleCalm, room, grown, since)
}

// NextHostSample is [NextSample] of the host: room is what is available above the next
// line, grown what has become less.
func NextHostSample(room, grown int64, since time.Duration) time.Duration {
	return nextWithin(SampleMost, room, grown, since)
}

// Loss is what the host has lost of what it had available, swap included. What it gains
// does not make up for that: it may be another's.
type Loss struct {
	Bytes int64 // in all
	had   int64
}

// Follow takes in what the host has now. Where that is not known, a run may have grown by
// anything.
func (l Loss) Follow(has int64, known bool) Loss {
	if !known {
		l.Bytes += 1 << 40
		return l
	}
	l.Bytes += max(l.had-has, 0)
	l.had = has
	return l
}

// Looked is what a look at a run has found, where sampling is all there is.
type Looked struct {
	At    time.Time
	Next  time.Duration // as [NextSample] said
	Room  int64         // bytes to its next line, less than 0 when it is over one
	Still bool          // it held as much as the time before
	Lost  int64         // what the host had lost by then: Loss.Bytes
}

// Rest says for how long the run need not be looked at, 0 when it must. lost are the bytes
// by which what the host has available, swap included, has come down in all: one that was
// still a moment ago cannot have grown by more, unless another gave back as much in the
// same moment. So while the host has lost less than a quarter of a run's room, it is left
// alone for up to [SampleMost]. A look costs some 45 µs, most of them in the kernel, whose
// caches are cold by then.
func (l Looked) Rest(now time.Time, lost int64) time.Duration {
	since := now.Sub(l.At)
	if left := l.Next - since; left > sampleSoon {
		return left
	}
	if l.Still && l.Room > 0 && since < SampleMost && lost-l.Lost < l.Room/4 {
		return SampleCalm
	}
	return 0
}

// PassMost is how long a pass holds at most: against what comes from elsewhere, as an
// oom_score_adj that somebody else sets, or less sharing of memory with a stranger.
const PassMost = time.Hour

// Pass is a round of looks at the runs. What has not run has not grown: if none was over a line and
// none has used the CPU since it was looked at, nothing is to be found until one does.
type Pass struct {
	At    time.Time
	Ran   time.Duration // the CPU time that all runs had used when the round began
	Early bool          // it looks, before its time, at each run that has run since it was looked at
	Whole bool          // every run was looked at and left alone, and none has run since
	Next  time.Duration // the shortest time after which one of them was to be looked at again
}

// Holds says that a round now, by when all runs have used so much CPU time, would find the same.
func (p Pass) Holds(now time.Time, ran time.Duration) bool {
	return p.Whole && ran == p.Ran && now.Sub(p.At) < PassMost
}

// Stalls says that a round now, by when all runs have used so much CPU time, had better look early:
// nothing has run since the pass, and that none need be looked at only waits for the looks to come round. last
// is when a pass did so before; what runs every few seconds costs no more looks by it.
func (p Pass) Stalls(now, last time.Time, ran time.Duration) bool {
	return !p.Whole && ran == p.Ran && now.Sub(last) >= SampleMost
}

// Again says when to ask that of a pass that holds. swapped: some run has something in swap.
func (p Pass) Again(swapped bool) time.Duration {
	if swapped {
		return SampleCalm
	}
	return max(p.Next, SampleCalm)
}

func nextWithin(most time.Duration, room, grown int64, since time.Duration) time.Duration {
	if grown <= 0 || since <= 0 {
		return most
	}
	if room <= 0 {
		return SampleLow
	}
	left := float64(room) / float64(grown) * float64(since)
	return time.Duration(min(max(left/3, float64(SampleLow)), float64(most)))
}
