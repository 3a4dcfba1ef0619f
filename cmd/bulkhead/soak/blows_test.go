package soak

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"bulkhead/supervisor/control"
)

// kill ends the supervisor, and has another one start after a while.
func (s *soak) kill(st step) {
	if st.Strike == killInUpgrade {
		s.captain.newBinary()
		s.give(task{control: control.Order{Verb: "upgrade"}})
		time.Sleep(min(st.Down, 300*time.Millisecond) / 2)
	}
	s.captain.kill()
	s.table.kills++
	time.Sleep(st.Down / 2)
	s.endSome(st.Ends)
	time.Sleep(st.Down / 2)
	s.captain.start()
	if st.Again > 0 {
		time.Sleep(st.Again)
		s.captain.kill()
		s.table.kills++
		s.captain.start()
	}
	began := time.Now()
	for try := 0; !s.captain.up(s.settleMost); try++ {
		s.fault("no supervisor after a kill:\n%s", s.captain.lastWords(15))
		if try > 2 {
			s.t.FailNow()
		}
		if s.captain.ended() {
			s.captain.start()
		}
	}
	s.table.afterKill = max(s.table.afterKill, time.Since(began))
}

// endSome asks chatters to end while nobody looks after them.
func (s *soak) endSome(n int) {
	all := s.census.take()
	for _, name := range sortedKeys(all) {
		if n > 0 && slices.Contains([]string{"solo", "choir", "pair"}, s.wants.programOf(name)) {
			_ = syscall.Kill(all[name][0].pid, syscall.SIGTERM) // it may have ended just now
			n--
		}
	}
}

// upgrade has the binary on disk take over. It may refuse, when a start takes long, and
// must say so; the next try shall do.
func (s *soak) upgrade(how strike) {
	pid := s.captain.pid()
	for range 5 {
		s.captain.newBinary()
		want := inode(s.captain.bin)
		pulse := newPulse(s.captain.socket, s.pause/20)
		if how == upgradeBySignal {
			if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
				s.fault("SIGUSR1: %v", err)
			}
			refusals := s.captain.refusals()
			for end := time.Now().Add(s.settleMost); s.captain.image() != want && time.Now().Before(end) && !s.captain.ended(); {
				time.Sleep(5 * time.Millisecond)
				if all := s.captain.refusals(); len(all) > len(refusals) {
					s.say("no upgrade: %s", all[len(all)-1])
					break
				}
			}
		} else {
			g := s.give(task{control: control.Order{Verb: "upgrade"}})
			<-g.answer
			var no *control.Error
			if g.err != nil && !errors.As(g.err, &no) {
				s.fault("the client that asked for the upgrade was lost: %v", g.err)
			}
			if g.err != nil {
				s.say("no upgrade: %v", g.err)
			}
		}
		if s.captain.ended() {
			s.fault("the upgrade ended the supervisor:\n%s", s.captain.lastWords(15))
			s.captain.start()
		}
		if !s.captain.up(s.settleMost) {
			s.fault("no answer after an upgrade:\n%s", s.captain.lastWords(15))
			pulse.gap()
			return
		}
		if gap := pulse.gap(); s.captain.image() == want {
			s.table.upgrades++
			s.table.inUpgrade = max(s.table.inUpgrade, gap)
			return
		}
		s.table.refused++
	}
	s.fault("five upgrades were refused:\n%s", s.captain.lastWords(15))
}
