package supervisor

import (
	"encoding/json"
	"strings"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/state"
)

// What programs need is learned from what their instances have been seen to use: the
// sampler looks, the loop keeps it by program, the budget counts it for programs without
// a limit.

const keyNeed = "need/" // programs.Need, by program

// needAgain is how often what has no limit is read where the kernel counts no
// memory: a reading walks page tables.
const needAgain = time.Minute

// used is the news that a run has had more memory than before, bytes.
type used struct {
	ref
	measure int64
}

// learn posts what the run uses, where that is more than it has used before.
func (p *process) learn(measure int64) {
	p.mu.Lock()
	news := programs.Exceeds(measure, p.most)
	if news {
		p.most = measure
	}
	p.mu.Unlock()
	if news {
		p.host.post(used{p.ref, measure})
	}
}

// mayLearn says whether a run of which so much is charged could use more than it ever
// has: page cache is charged too.
func (p *process) mayLearn(charged int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return programs.Exceeds(charged, p.most)
}

// needsLook says that it is time to look at a run that nobody looks at otherwise.
func (p *process) needsLook() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.grown.at.IsZero() || time.Since(p.grown.at) >= needAgain
}

// learnLate is for runs that have ended before anybody looked: what was charged to them at
// most, less the page cache that is there still.
func (p *process) learnLate(peak, cache int64) {
	p.mu.Lock()
	never := p.most == 0
	p.mu.Unlock()
	if never && peak > cache {
		p.learn(peak - cache)
	}
}

func (l *loop) onUsed(e used) {
	name := e.in.prog.conf.Name
	if n, changed := l.needs[name].Learn(e.measure, time.Now()); changed {
		l.needs[name] = n
		l.memory.Put(keyNeed+name, n)
	}
}

// needed are the bytes that an instance of each program has used at most; others are not
// known.
func needed(all map[string]programs.Need, now time.Time) map[string]conf.Bytes {
	out := make(map[string]conf.Bytes, len(all))
	for name, n := range all {
		if each := n.Each(now); each > 0 {
			out[name] = conf.Bytes(each)
		}
	}
	return out
}

// forgetNeed forgets a program that is configured no more.
func (l *loop) forgetNeed(name string) {
	if _, ok := l.needs[name]; ok {
		delete(l.needs, name)
		l.memory.Delete(keyNeed + name)
	}
}

// readNeed takes a document that is one.
func (p *past) readNeed(key string, text json.RawMessage) bool {
	name, ok := strings.CutPrefix(key, keyNeed)
	var n programs.Need
	if ok && json.Unmarshal(text, &n) == nil { // else it is learned anew
		p.needs[name] = n
	}
	return ok
}

// Needs are the bytes that an instance of each program has used at most, as the
// supervisor has written them down in its state directory, whether it runs or not.
// Nothing is known where that cannot be read.
func Needs(stateDir string) map[string]conf.Bytes {
	loaded, err := state.Load(stateDir)
	if err != nil {
		return nil
	}
	p := past{needs: map[string]programs.Need{}}
	for key, text := range loaded.Documents {
		p.readNeed(key, text)
	}
	return needed(p.needs, time.Now())
}
