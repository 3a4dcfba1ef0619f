package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/listen"
	"bulkhead/supervisor/state"
)

// past is what an earlier supervisor has written down.
type past struct {
	self      supervisorRecord
	programs  []conf.Program // that were in force
	instances map[string]instanceRecord
	reasons   map[string][]control.Reason

	kills    []control.OOMKill
	followed string // the boot whose kernel log it followed

	needs    map[string]programs.Need
	relieved map[string]time.Duration // since the boot

	unsent map[string][]control.Event // by notifications

	running  bool // its runs may be alive
	lost     bool // it had no time to take leave
	problems []error

	events []control.Event // handed over, never on disk
	board  *listen.Board   // likewise
	boot   string          // of now
	loaded state.Loaded
}

// serialGap keeps the numbers of events apart that the lost supervisor gave
// and did not live to write down.
const serialGap = 1000

func (p past) serial() uint64 {
	if p.self.Serial > 0 && p.lost && p.running {
		return p.self.Serial + serialGap
	}
	return p.self.Serial
}

// readPast reads what was loaded. What cannot be read is told and left out: the
// runs themselves are found without it.
func readPast(loaded state.Loaded, boot string, now *conf.Config) past {
	p := past{instances: map[string]instanceRecord{}, reasons: map[string][]control.Reason{}, needs: map[string]programs.Need{}, relieved: map[string]time.Duration{}, problems: loaded.Problems}
	read := func(key string, to any) bool {
		err := json.Unmarshal(loaded.Documents[key], to)
		if err != nil {
			p.problems = append(p.problems, fmt.Errorf("cannot read %q of the state: %v", key, err))
		}
		return err == nil
	}
	for key, text := range loaded.Documents {
		switch {
		case p.readKill(key, text), p.readNeed(key, text):
		case key == keyUnsent:
			read(key, &p.unsent)
		case key == keySupervisor:
			read(key, &p.self)
		case key == keyPrograms:
			var err error
			if p.programs, err = conf.Recall(text, now); err != nil {
				p.problems = append(p.problems, err)
			}
		case key == keyListeners:
			p.board = &listen.Board{}
			read(key, p.board)
		case strings.HasPrefix(key, keyInstance):
			var r instanceRecord
			if read(key, &r) {
				p.instances[strings.TrimPrefix(key, keyInstance)] = r
			}
		case strings.HasPrefix(key, keyRelieved):
			var at time.Duration
			if read(key, &at) {
				p.relieved[strings.TrimPrefix(key, keyRelieved)] = at
			}
		case strings.HasPrefix(key, keyReasons):
			var list []control.Reason
			if read(key, &list) {
				p.reasons[strings.TrimPrefix(key, keyReasons)] = list
			}
		}
	}
	p.running = loaded.BootID == boot && boot != "" && !p.self.Clean && len(loaded.Documents) > 0
	p.lost = !p.self.Left
	p.boot, p.loaded = boot, loaded
	return p
}

// token is the one of the AUTO logs that live runs write to, or a new one.
func (p past) token() string {
	if p.running && p.self.Token != "" {
		return p.self.Token
	}
	return newToken()
}

// inCgroups reports that a run lives, or lived, in a cgroup.
func (p past) inCgroups() bool {
	if !p.running {
		return false
	}
	for _, r := range p.instances {
		for _, known := range r.Runs {
			if known.Cgroup != 0 {
				return true
			}
		}
	}
	return false
}

// from names the supervisor before, for people.
func (p past) from() string {
	if p.self.PID == 0 {
		return "an earlier supervisor"
	}
	return fmt.Sprintf("the supervisor before (pid %d)", p.self.PID)
}

// inForce is the configuration that the past supervisor worked by: what runs is
// taken over under the rules it was started with, and then updated to now.
func (p past) inForce(now *conf.Config) *conf.Config {
	if !p.running || p.programs == nil {
		return now
	}
	c := *now
	c.Programs = p.programs
	return &c
}
