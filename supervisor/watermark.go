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

const watermarkEvery = 5 * time.Second

// available is the news that the host has so many bytes, less than some watermark.
type available struct{ bytes int64 }

// watermark compares a reading with the highest watermark of what runs, and says
// when to look again. The loop hears of it too when a shortage is near: a host may
// fill up without anybody waiting for memory.
func (h *host) watermark(r hostReading) time.Duration {
	now := time.Now()
	wait := programs.NextHostSample(r.available-h.near, h.seen.measure-r.available, now.Sub(h.seen.at))
	h.seen = sample{at: now, measure: r.available}
	if h.near == 0 {
		wait = programs.SampleMost
	}
	if r.available < h.near {
		h.post(r)
		wait = programs.SampleMost // the loop looks
	}
	var line int64
	for _, p := range h.all() {
		line = max(line, int64(p.prog.Load().Recycle.WhenAvailableBelow))
	}
	if line == 0 {
		return wait
	}
	if r.available < line {
		h.post(available{r.available})
	}
	return min(wait, watermarkEvery)
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
		l.event(nil, 0, control.Event{Kind: "shortage", Name: p.conf.Name, Message: fmt.Sprintf("%s is recycled: %s of memory are available, less than when_available_below %s",
			p.conf.Name, control.Size(e.bytes), control.Size(int64(rule.WhenAvailableBelow)))})
		for _, in := range p.instances {
			l.step(in, programs.RecycleNow{Why: programs.Host})
		}
	}
}
