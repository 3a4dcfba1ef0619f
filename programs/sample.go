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
	// SampleFresh is how old a sample may be for who asks how a run is, where sampling is
	// all there is: the last one, with the time that it takes to get round.
	SampleFresh = SampleCalm + SampleLow
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
