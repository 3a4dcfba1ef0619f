package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// step is one blow at the supervisor, and what is going on at that moment.
type step struct {
	Orders []order
	Push   bool // a job that outgrows its worker's limit is given first
	After  time.Duration
	Strike strike
	Down   time.Duration // after a kill: how long there is no supervisor
	Ends   int           // after a kill: this many chatters are asked to end meanwhile
	Again  time.Duration // after a kill: the successor is killed as well, so long after its start; 0 not
}

type strike int

const (
	kill strike = iota
	killInUpgrade
	upgrade
	upgradeBySignal
)

func (s strike) String() string {
	return [...]string{"SIGKILL", "SIGKILL in an upgrade", "upgrade", "SIGUSR1"}[s]
}

// order is what is asked of a program. Which instance it hits is At modulo
// how many there are.
type order struct {
	Verb    string // toggle restart recycle rolling scale update burst
	Program string
	At      int
	NoWait  bool
}

func (o order) String() string {
	return fmt.Sprintf("%s %s/%d nowait=%v", o.Verb, o.Program, o.At, o.NoWait)
}

// plan is all that chance decides.
type plan struct {
	Seed  uint64
	Steps []step
}

// newPlan makes a plan out of a seed. Each kill or upgrade of the totals is one blow.
func newPlan(seed uint64, kills, upgrades int, verbs map[string][]string, balloons int) plan {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	p := plan{Seed: seed}
	programs := sortedKeys(verbs)
	for kills+upgrades > 0 {
		var s step
		for _, i := range r.Perm(len(programs))[:1+r.IntN(2)] {
			can := verbs[programs[i]]
			o := order{Verb: can[r.IntN(len(can))], Program: programs[i], At: r.IntN(1000), NoWait: r.IntN(2) == 0}
			s.Orders = append(s.Orders, o)
			if o.Verb == "update" { // alone: its file tells of every program
				s.Orders = []order{o}
				break
			}
		}
		// Most of what an order sets off is over within milliseconds.
		s.After = time.Duration(r.IntN([]int{4000, 60_000, 1_500_000}[r.IntN(3)])) * time.Microsecond
		down, ends, again := time.Duration(r.IntN(3000))*time.Millisecond, r.IntN(3), time.Duration(1+r.IntN(400))*time.Millisecond
		if r.IntN(2) == 0 {
			down /= 10
		}
		if r.IntN(kills+upgrades) < kills {
			s.Strike, s.Down, s.Ends = []strike{kill, kill, kill, killInUpgrade}[r.IntN(4)], down, ends
			if kills--; kills > 0 && r.IntN(4) == 0 {
				s.Again = again
				kills--
			}
		} else {
			s.Strike = []strike{upgrade, upgradeBySignal}[r.IntN(2)]
			upgrades--
		}
		p.Steps = append(p.Steps, s)
	}
	// The last third stays without: what they cut down is given out again late.
	for _, i := range r.Perm(len(p.Steps) * 2 / 3)[:min(balloons, len(p.Steps)*2/3)] {
		p.Steps[i].Push = true
	}
	return p
}

// chosen is the number in the environment, else the default.
func chosen(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

// The same seed is the same plan, another seed another one, and the numbers are those asked for.
func TestPlan(t *testing.T) {
	verbs := map[string][]string{"a": {"toggle", "burst"}, "b": {"scale", "update", "restart"}}
	for seed := range uint64(20) {
		p := newPlan(seed, 50, 50, verbs, 5)
		if got, want := fmt.Sprint(newPlan(seed, 50, 50, verbs, 5)), fmt.Sprint(p); got != want {
			t.Fatalf("seed %d makes two plans", seed)
		}
		if fmt.Sprint(newPlan(seed+1, 50, 50, verbs, 5).Steps) == fmt.Sprint(p.Steps) {
			t.Fatalf("seeds %d and %d make one plan", seed, seed+1)
		}
		kills, upgrades, pushes := 0, 0, 0
		for _, s := range p.Steps {
			switch s.Strike {
			case kill, killInUpgrade:
				kills++
				if s.Again > 0 {
					kills++
				}
			default:
				upgrades++
			}
			if s.Push {
				pushes++
			}
		}
		if kills != 50 || upgrades != 50 || pushes != 5 {
			t.Fatalf("seed %d: %d kills, %d upgrades, %d pushes", seed, kills, upgrades, pushes)
		}
	}
}
