package supervisor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"bulkhead/conf"
)

// autoLogs names the logs that the configuration leaves to us (stdout_logfile =
// "AUTO"). A name is made of what it is for and of a token that nobody else knows, so
// that a successor finds the same file and nobody can have laid another in its place.
type autoLogs struct {
	dir, identifier, token string
}

// newToken is drawn once for as long as programs run on from supervisor to supervisor.
func newToken() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// target is where an output goes; channel is stdout or stderr.
func (a autoLogs) target(in *conf.Instance, channel string) conf.LogTarget {
	t := in.Stdout
	if channel == "stderr" {
		t = in.Stderr
	}
	if t.Path == conf.Auto {
		own := sha256.Sum256([]byte(a.token + in.FullName())) // two groups may have a process of one name
		t.Path = filepath.Join(a.dir, fmt.Sprintf("%s-%s---%s-%x.log", in.Name, channel, a.identifier, own[:8]))
	}
	return t
}

// make makes the log of an instance that was added, so that it can be read before the
// first start; 0600, as supervisord's.
func (a autoLogs) make(in *conf.Instance, channel string) error {
	configured := in.Stdout
	if channel == "stderr" {
		configured = in.Stderr
	}
	if configured.Path != conf.Auto {
		return nil
	}
	f, err := os.OpenFile(a.target(in, channel).Path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make a log: %w", err)
	}
	return f.Close()
}

// sweep removes the logs that an earlier supervisor of this identifier has left, in
// whatever program's name, with what was rotated away.
func (a autoLogs) sweep() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return fmt.Errorf("cannot remove old logs: %v", err)
	}
	old := regexp.MustCompile(`---` + regexp.QuoteMeta(a.identifier) + `-\w+\.log(\.\d+)?$`)
	for _, e := range entries {
		if e.Type().IsRegular() && old.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(a.dir, e.Name())); err != nil {
				return fmt.Errorf("cannot remove an old log: %v", err)
			}
		}
	}
	return nil
}
