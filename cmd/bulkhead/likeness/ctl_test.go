package likeness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manyCalls is how many calls the script of supervisorctl has to have.
const manyCalls = 200

// TestCtl plays one script of calls through every supervisorctl to every
// daemon. What Debian's prints of Debian's daemon is what all must print.
// `bulkhead ctl` prints more than that of a bulkhead, on purpose; there its exit
// codes are held against supervisorctl's, and all that it prints of a supervisord.
func TestCtl(t *testing.T) {
	t.Parallel()
	steps := script(t, "ctl/script.txt")
	calls := 0
	for _, s := range steps {
		if s.Kind == "ctl" || s.Kind == "follow" || s.Kind == "shell" {
			calls++
		}
	}
	if calls < manyCalls {
		t.Errorf("the script has %d calls, want %d", calls, manyCalls)
	}
	us := ours(t)
	sessions := []session{
		{daemon: theirs, client: theirs.supervisorctl()},
		{daemon: us, client: theirs.supervisorctl(), part: "ctl"},
		{daemon: theirs, client: us.supervisorctl(), part: "ctl"},
		{daemon: us, client: us.supervisorctl(), part: "ctl"},
	}
	if own := filepath.Join(us.folder, "bulkhead"); exists(own) {
		sessions = append(sessions, session{daemon: theirs, client: client{own, "ctl"}, part: "own"},
			session{daemon: us, client: client{own, "ctl"}, part: "codes"})
	}
	facts := make([][]fact, len(sessions))
	played := t.Run("play", func(t *testing.T) {
		for i, s := range sessions {
			t.Run(s.name(), func(t *testing.T) {
				t.Parallel()
				facts[i] = start(t, s.daemon, "ctl").play(s.client, steps)
			})
		}
	})
	if !played {
		t.FailNow() // half a life cannot be compared
	}
	known := differences(t)
	for i, s := range sessions[1:] {
		want, got := facts[0], facts[i+1]
		if s.part == "codes" {
			want, got = codes(want), codes(got)
		}
		mustBeAlike(t, known, s.part, s.name(), want, got)
		if i == len(sessions)-2 || sessions[i+2].part != s.part {
			known.mustBeUsed(t, s.part)
		}
	}
}

// codes are the exit codes alone.
func codes(facts []fact) []fact {
	var all []fact
	for _, f := range facts {
		if code, _, ok := strings.Cut(f.said, "\n"); ok && strings.HasPrefix(code, "exit ") {
			all = append(all, fact{f.at, code})
		}
	}
	return all
}

// session is a client and the daemon that it talks to.
type session struct {
	daemon side
	client client
	part   string // of the differences
}

func (s session) name() string {
	who := filepath.Join(filepath.Base(filepath.Dir(s.client[0])), filepath.Base(s.client[0]))
	return strings.Join(append([]string{who}, s.client[1:]...), " ") + " to " + s.daemon.name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
