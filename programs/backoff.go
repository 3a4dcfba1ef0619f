package programs

import "time"

// backoff says how long to wait after a crash that ended a run of the given
// length, and the level to remember. Level 0 after a run that was up means: at
// once. From then on the delay doubles from 1 s to 60 s.
func backoff(level int, up bool, lived time.Duration, draw float64) (wait time.Duration, next int) {
	if lived >= backoffForget {
		level = 0
	}
	if level == 0 && up {
		return 0, 1
	}
	level = max(level, 1)
	wait = backoffMost
	if shift := level - 1; shift < 6 { // 1 s << 6 is over a minute
		wait = min(backoffFirst<<shift, backoffMost)
	}
	wait -= time.Duration(float64(wait) * backoffJitter * draw)
	return wait, min(level+1, 8)
}

// retry is supervisord's rule for a program with startretries: the n-th failed
// start in a row waits n seconds, and one more than startretries is FATAL.
func retry(tries, retries int) (wait time.Duration, fatal bool) {
	if tries > retries {
		return 0, true
	}
	return time.Duration(tries) * time.Second, false
}
