package supervisor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/kmsg"
	"bulkhead/supervisor/listen"
)

// keepKills is how many OOM kills are kept, on disk too.
const keepKills = 200

// The keys of the documents about OOM kills.
const (
	keyKill     = "oom/"   // one control.OOMKill each, by boot and sequence number
	keyFollowed = "oomlog" // the boot whose kernel log was followed last
)

// oomLog is the OOM kills that are known. The loop writes it, anybody reads it.
type oomLog struct {
	boot     string // of now
	followed bool   // an earlier supervisor has followed the log of this boot

	mu    sync.Mutex
	kills []control.OOMKill // newest last
	why   string            // why the kernel's log is not read
	lost  uint64
}

func (o *oomLog) all() control.OOMLog {
	o.mu.Lock()
	defer o.mu.Unlock()
	return control.OOMLog{Kills: slices.Clone(o.kills), Why: o.why, Lost: o.lost}
}

// newest is the sequence number up to which the kills of this boot are known.
func (o *oomLog) newest() (n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range o.kills {
		if k.Boot == o.boot {
			n = max(n, k.Sequence)
		}
	}
	return n
}

// add keeps a kill and returns those that are kept no longer.
func (o *oomLog) add(k control.OOMKill) (gone []control.OOMKill) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kills = append(o.kills, k)
	if n := len(o.kills) - keepKills; n > 0 {
		gone = slices.Clone(o.kills[:n])
		o.kills = slices.Delete(o.kills, 0, n)
	}
	return gone
}

func (o *oomLog) unread(why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.why = why
}

// losses takes the number of records that were lost, and returns how many are new.
func (o *oomLog) losses(n uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	more := n - min(n, o.lost)
	o.lost = max(o.lost, n)
	return more
}

// recall takes over what an earlier supervisor has written down.
func (o *oomLog) recall(p past) {
	o.boot = p.boot
	o.followed = p.followed != "" && p.followed == p.boot
	o.kills = p.kills
	slices.SortStableFunc(o.kills, func(a, b control.OOMKill) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Sequence, b.Sequence))
	})
	o.kills = o.kills[max(0, len(o.kills)-keepKills):]
}

// readKill reads a document of the past; it reports whether it was one.
func (p *past) readKill(key string, text json.RawMessage) bool {
	var err error
	switch {
	case key == keyFollowed:
		err = json.Unmarshal(text, &p.followed)
	case strings.HasPrefix(key, keyKill):
		var k control.OOMKill
		if err = json.Unmarshal(text, &k); err == nil {
			p.kills = append(p.kills, k)
		}
	default:
		return false
	}
	if err != nil {
		p.problems = append(p.problems, fmt.Errorf("cannot read %q of the state: %v", key, err))
	}
	return true
}

func killKey(k control.OOMKill) string {
	return keyKill + k.Boot + "/" + strconv.FormatUint(k.Sequence, 10)
}

// rememberKills is the part of rememberAll.
func (o *oomLog) rememberKills(docs map[string]any) {
	for _, k := range o.all().Kills {
		docs[killKey(k)] = k
	}
	if o.followed {
		docs[keyFollowed] = o.boot
	}
}

// onKills takes news from the kernel's log. A kill of our own is told by the end of
// its run, and is only written down; what happened to others is an event.
func (l *loop) onKills(e killsSeen) {
	known, quiet := l.oom.newest(), 0
	for _, s := range e.kills {
		if s.Seq <= known {
			continue
		}
		k := l.oomKill(s)
		l.memory.Put(killKey(k), k)
		for _, old := range l.oom.add(k) {
			l.memory.Delete(killKey(old))
		}
		switch {
		case k.Name != "":
		case e.past && !l.oom.followed: // before bulkhead was there
			quiet++
		default:
			l.tellKill(k)
		}
	}
	if e.past && !l.oom.followed {
		l.oom.followed = true
		l.memory.Put(keyFollowed, l.oom.boot)
	}
	if quiet > 0 {
		l.remark("the kernel has killed for want of memory before bulkhead was there: ctl oom shows it", zap.Int("kills", quiet))
	}
	if n := l.oom.losses(e.lost); n > 0 {
		l.event(nil, 0, control.Event{Kind: "trouble", Message: fmt.Sprintf(
			"%d records of the kernel's log were overwritten before they were read: an OOM kill may be missing; log_buf_len= makes it larger", n)})
	}
}

func (l *loop) onLogUnread(e logUnread) {
	why := whyUnread(e.err)
	l.oom.unread(why)
	l.remark(why)
}

// remark logs what supervisord's log has nothing like.
func (l *loop) remark(text string, fields ...zap.Field) {
	if l.config.Supervisor.LogStyle == styleSupervisord {
		l.log.Debug(text, fields...)
		return
	}
	l.log.Info(text, fields...)
}

// tellKill makes the event of a kill that hit none of ours.
func (l *loop) tellKill(k control.OOMKill) {
	fields := map[string]string{
		"command": k.Victim.Command, "rss": strconv.FormatInt(k.Victim.RSS, 10), "constraint": k.Limit, "cgroup": k.Cgroup, "limit_of": k.LimitOf,
	}
	l.event(nil, 0, control.Event{Kind: "oom_kill", PID: k.Victim.PID, Fields: fields,
		Message: strings.Join(append([]string{k.Words()}, k.Circumstances()...), "; ")})
	l.notify(listen.ForeignKill(k.Victim.PID, k.Victim.Command, k.Victim.RSS, k.Limit, k.Cgroup))
}

// oomKill puts a name to what the kernel told.
func (l *loop) oomKill(s seenKill) control.OOMKill {
	k := control.OOMKill{At: s.at, Boot: l.oom.boot, Sequence: s.Seq, Victim: oomProcess(s.Victim), Others: oomProcesses(s.Others),
		Whole: s.Whole != "", Limit: string(s.Limit), Cgroup: cmp.Or(s.Cgroup, s.Whole), LimitOf: s.LimitOf,
		Usage: s.Usage, Max: max(s.Max, 0), Swap: s.Swap, Holders: oomProcesses(s.Holders), Pressure: s.pressure}
	if in := s.Invoker; in.Command != "" {
		k.Invoker = &control.OOMInvoker{PID: in.PID, Command: in.Command, Order: in.Order, GFP: in.GFP, OOMScoreAdj: in.OOMScoreAdj}
	}
	if s.owner.program != "" {
		k.Name, k.Run = l.nameOf(s.owner), s.owner.run
	} else if s.unknown {
		k.Name, k.Run = l.nameOfPID(s.Victim.PID, s.at)
	}
	return k
}

// nameOf is the full name of the instance that a run's cgroup was made for.
func (l *loop) nameOf(n runName) string {
	for full, in := range l.instances {
		if in.prog.conf.Name != n.program {
			continue
		}
		if f := in.runs[n.run]; in.conf.Name == n.instance || f != nil && f.known.Instance == n.instance {
			return full
		}
	}
	if n.instance == "" {
		return n.program
	}
	return control.FullName(n.program, n.instance)
}

// recentEnd is how long an end and the kernel's word of it may be apart.
const recentEnd = 10 * time.Second

// nameOfPID is nameOf where no cgroup says whose process it was: for the main
// processes of live runs, and of those that have just ended.
func (l *loop) nameOfPID(pid int, at time.Time) (name string, run uint64) {
	for full, in := range l.instances {
		for n, f := range in.runs {
			if f.pid == pid && in.current(n) {
				return full, n
			}
		}
	}
	events := l.journal.all()
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		if e.PID == pid && e.Kind == "ended" && e.At.Sub(at).Abs() < recentEnd {
			return e.Name, e.Run
		}
	}
	return "", 0
}

func oomProcesses(all []kmsg.Process) (out []control.OOMProcess) {
	for _, p := range all {
		out = append(out, oomProcess(p))
	}
	return out
}

func oomProcess(p kmsg.Process) control.OOMProcess {
	return control.OOMProcess{PID: p.PID, Command: p.Command, UID: p.UID, RSS: p.RSS(), Anon: p.AnonRSS, File: p.FileRSS, Shmem: p.ShmemRSS,
		TotalVM: p.TotalVM, Pagetables: p.Pagetables, Swap: p.Swap, OOMScoreAdj: p.OOMScoreAdj}
}
