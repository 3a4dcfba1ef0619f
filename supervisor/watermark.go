package supervisor

import (
	"fmt"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// A service that never gives memory back is recycled when the host has less than
// its watermark: recycle.when_available_below. The kernel has no event for that, so that
// it is looked at from time to time, where a program asks for it.

// keyRelieved is when a program was recycled for the host last: a time.Duration since the
// boot, by program. A cooldown goes on over a crash, or the next supervisor would recycle
// again what has only just begun.
const keyRelieved = "relieved/"

const watermarkEvery = 5 * time.Second

// available is the news that the host has so many bytes, less than some watermark.
type available struct{ bytes int64 }

// bore has the sampler look soon, and soon again: what has just been started may take all that
// the host has, and how fast, two readings say.
func (h *host) bore(at time.Time) {
	h.born.Store(int64(at.Sub(processStart)))
	h.sampleSoon()
}

// bornWithin says that the latest start is no longer ago.
func (h *host) bornWithin(d time.Duration, now time.Time) bool {
	born := time.Duration(h.born.Load())
	return born != 0 && now.Sub(processStart)-born < d
}

// watermark compares a reading with the highest watermark of what runs, and says
// when to look again. The loop hears of it too when a shortage is near: a host may
// fill up without anybody waiting for memory.
func (h *host) watermark(r hostReading) time.Duration {
	near, now := h.near.Load(), time.Now()
	wait := programs.NextHostSample(r.available-near, h.seen.measure-r.available, now.Sub(h.seen.at))
	h.seen = sample{at: now, measure: r.available}
	if h.bornWithin(programs.SampleBorn, now) {
		wait = min(wait, programs.SampleCalm)
	}
	if near == 0 {
		wait = programs.SampleMost
	}
	if r.available < near {
		h.post(r)
		wait = programs.SampleMost // the loop looks
	}
	if h.still.line == 0 {
		return wait
	}
	if r.available < h.still.line {
		h.post(available{r.available})
	}
	return min(wait, watermarkEvery)
}

// recallRelieved takes over the cooldowns of what runs on.
func (l *loop) recallRelieved(past past) {
	for name, at := range past.relieved {
		if p := l.programs[name]; p != nil && past.running {
			p.relieved = at
		}
	}
}

// onAvailable recycles the programs whose watermark that is, each at most once per cooldown.
func (l *loop) onAvailable(e available) {
	now := l.now()
	for _, p := range l.inOrder() {
		rule := p.conf.Recycle
		if int64(rule.WhenAvailableBelow) <= e.bytes || p.relieved != 0 && now < p.relieved+rule.Cooldown {
			continue
		}
		p.relieved = now
		l.memory.Put(keyRelieved+p.conf.Name, now)
		l.event(nil, 0, control.Event{Kind: "shortage", Name: p.conf.Name, Message: fmt.Sprintf("%s is recycled: %s of memory are available, less than when_available_below %s",
			p.conf.Name, control.Size(e.bytes), control.Size(int64(rule.WhenAvailableBelow)))})
		for _, in := range p.instances {
			l.step(in, programs.RecycleNow{Why: programs.Host})
		}
	}
}
