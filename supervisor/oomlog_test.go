package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/kmsg"
	"bulkhead/supervisor/state"
)

// notedMemory is a memory that is only looked at.
type notedMemory struct {
	mu   sync.Mutex
	docs map[string]any
}

func (m *notedMemory) Put(key string, v any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.docs[key] = v
}

func (m *notedMemory) Delete(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.docs, key)
}

// loaded is what is remembered as a successor reads it.
func (m *notedMemory) loaded(t *testing.T) state.Loaded {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := state.Loaded{Documents: map[string]json.RawMessage{}}
	for key, v := range m.docs {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		l.Documents[key] = text
	}
	return l
}

func killOf(seq uint64, pid int, owner runName) seenKill {
	return seenKill{Kill: kmsg.Kill{Seq: seq, Victim: kmsg.Process{PID: pid, Command: "php", AnonRSS: 44 << 20}, Limit: kmsg.Host, Told: true, Cgroup: "/y"},
		at: time.Now(), owner: owner}
}

// names are whose the known kills were, oldest first.
func (w *world) killed() (out []string) {
	for _, k := range w.d.OOM(w.ctx).Kills {
		out = append(out, fmt.Sprintf("%d %s", k.Victim.PID, k.Name))
	}
	return out
}

// TestKillsAreTold: those of others as an event, our own by the end of their run
// alone, and none twice.
func TestKillsAreTold(t *testing.T) {
	m := &notedMemory{docs: map[string]any{}}
	withinPast(t, worker("queue", 2, nil), func(l *loop) {
		l.memory = m
		l.oom.recall(past{boot: "b"})
	}, nil, func(w *world) {
		w.after(2 * time.Second)
		w.loop.post(killsSeen{past: true, kills: []seenKill{killOf(3, 70, runName{})}})
		w.loop.post(killsSeen{kills: []seenKill{
			killOf(3, 70, runName{}), // known
			killOf(9, 71, runName{}),
			killOf(12, 72, runName{"queue", "queue_01", 1}),
			killOf(13, 73, runName{"queue", "renamed", 1}),
			killOf(14, 74, runName{program: "gone"}),
		}})
		w.after(time.Second)
		equal(t, "kills", w.killed(), []string{"70 ", "71 ", "72 queue:queue_01", "73 queue:renamed", "74 gone"})
		equal(t, "events", w.kinds("oom_kill"), []string{"the kernel killed php (pid 71, uid 0, 44M): the host was out of memory, it was in /y"})
		w.loop.post(killsSeen{lost: 7})
		w.loop.post(killsSeen{lost: 7})
		w.after(time.Second)
		if got := w.kinds("trouble"); len(got) != 1 || !strings.HasPrefix(got[0], "7 records") {
			t.Errorf("told of losses: %q", got)
		}
		if lost := w.d.OOM(w.ctx).Lost; lost != 7 {
			t.Errorf("%d lost", lost)
		}
	})

	// The next supervisor of this boot knows them, and tells what it has missed.
	p := readPast(m.loaded(t), "b", worker("queue", 2, nil))
	if len(p.problems) > 0 || len(p.kills) != 5 || p.followed != "b" {
		t.Fatalf("read %d kills, followed %q, problems %v", len(p.kills), p.followed, p.problems)
	}
	withinPast(t, worker("queue", 2, nil), func(l *loop) { l.oom.recall(p) }, nil, func(w *world) {
		w.loop.post(killsSeen{past: true, kills: []seenKill{killOf(9, 71, runName{}), killOf(14, 74, runName{}), killOf(15, 75, runName{})}})
		w.after(time.Second)
		if got := w.kinds("oom_kill"); len(got) != 1 || !strings.Contains(got[0], "pid 75") {
			t.Errorf("told %q", got)
		}
		if got := w.killed(); len(got) != 6 {
			t.Errorf("kills %q", got)
		}
		docs := w.loop.rememberAll()
		if docs[keyFollowed] != "b" || docs[keyKill+"b/15"] == nil || docs[keyKill+"b/9"] == nil {
			t.Errorf("an upgrade loses kills")
		}
	})

	// After a reboot the numbers begin anew.
	p = readPast(m.loaded(t), "c", worker("queue", 2, nil))
	withinPast(t, worker("queue", 2, nil), func(l *loop) { l.oom.recall(p) }, nil, func(w *world) {
		w.loop.post(killsSeen{past: true, kills: []seenKill{killOf(2, 76, runName{})}})
		w.after(time.Second)
		if got := w.killed(); len(got) != 6 || len(w.kinds("oom_kill")) != 0 {
			t.Errorf("kills %q, told %q", got, w.kinds("oom_kill"))
		}
	})
}

// TestKillsWithoutCgroups are known by the pid of a main process, live or just ended.
func TestKillsWithoutCgroups(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		unknown := func(seq uint64, pid int) seenKill {
			k := killOf(seq, pid, runName{})
			k.unknown = true
			return k
		}
		w.loop.post(killsSeen{kills: []seenKill{unknown(1, 1001), unknown(2, 9), killOf(3, 1001, runName{})}})
		w.after(time.Second)
		w.edge.exit(w.ref("queue"), programs.Exit{Code: -1, Signal: 9}, false)
		w.after(time.Second)
		w.loop.post(killsSeen{kills: []seenKill{unknown(4, 1001)}})
		w.after(time.Minute)
		w.loop.post(killsSeen{kills: []seenKill{unknown(5, 1001)}})
		w.after(time.Second)
		equal(t, "kills", w.killed(), []string{"1001 queue", "9 ", "1001 ", "1001 queue", "1001 "})
	})
}

// TestOldKillsGo: what is kept has an end, on disk too.
func TestOldKillsGo(t *testing.T) {
	m := &notedMemory{docs: map[string]any{}}
	withinPast(t, worker("queue", 1, nil), func(l *loop) { l.memory = m }, nil, func(w *world) {
		for i := range uint64(keepKills + 5) {
			w.loop.post(killsSeen{kills: []seenKill{killOf(i+1, int(i)+1, runName{})}})
			w.after(time.Millisecond)
		}
		got := w.d.OOM(w.ctx).Kills
		if len(got) != keepKills || got[0].Victim.PID != 6 {
			t.Errorf("%d are kept, the first is %d", len(got), got[0].Victim.PID)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		n := 0
		for key := range m.docs {
			if strings.HasPrefix(key, keyKill) {
				n++
			}
		}
		if n != keepKills || m.docs[keyKill+"/5"] != nil {
			t.Errorf("%d are on disk", n)
		}
	})
}

// TestUnreadLog is said once, and to those who ask.
func TestUnreadLog(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.loop.post(logUnread{fmt.Errorf("it is odd")})
		w.after(time.Second)
		if why := w.d.OOM(w.ctx).Why; !strings.HasSuffix(why, "it is odd") {
			t.Errorf("why %q", why)
		}
	})
}

// TestOOMKillIsWhole: nothing of what the kernel told is lost on the way.
func TestOOMKillIsWhole(t *testing.T) {
	l := &loop{oom: &oomLog{boot: "b"}}
	at := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	p := kmsg.Process{PID: 1, Command: "c", UID: 2, TotalVM: 3, AnonRSS: 4, FileRSS: 5, ShmemRSS: 6, Pagetables: 7, Swap: 8, OOMScoreAdj: 9}
	q := control.OOMProcess{PID: 1, Command: "c", UID: 2, RSS: 15, Anon: 4, File: 5, Shmem: 6, TotalVM: 3, Pagetables: 7, Swap: 8, OOMScoreAdj: 9}
	got := l.oomKill(seenKill{at: at, pressure: &control.Pressure{Some: 1, Full: 2}, Kill: kmsg.Kill{Seq: 5, Victim: p, Others: []kmsg.Process{p}, Holders: []kmsg.Process{p},
		Whole: "/w", Limit: kmsg.Memcg, LimitOf: "/l", Usage: 10, Max: 11, Swap: 12, Invoker: kmsg.Invoker{PID: 13, Command: "i", Order: 14, GFP: "g", OOMScoreAdj: 15}}})
	want := control.OOMKill{At: at, Boot: "b", Sequence: 5, Victim: q, Others: []control.OOMProcess{q}, Holders: []control.OOMProcess{q}, Whole: true,
		Limit: "memcg", Cgroup: "/w", LimitOf: "/l", Usage: 10, Max: 11, Swap: 12, Pressure: &control.Pressure{Some: 1, Full: 2},
		Invoker: &control.OOMInvoker{PID: 13, Command: "i", Order: 14, GFP: "g", OOMScoreAdj: 15}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
