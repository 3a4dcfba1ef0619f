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
			session{daemon: us, client: client{own, "ctl"}, part: "both"})
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
		mustBeAlike(t, known, s.part, s.name(), facts[0], facts[i+1])
		if i == len(sessions)-2 || sessions[i+2].part != s.part {
			known.mustBeUsed(t, s.part)
		}
	}
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
