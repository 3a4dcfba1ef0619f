package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// resume goes on from the past: it takes over what runs under the rules it was
// started with, and then makes now the configuration, as an update does. A
// configuration that is as it was changes nothing: what scale has set stays.
func (l *loop) resume(p past, now *conf.Config) {
	for _, err := range p.problems {
		l.event(nil, 0, control.Event{Kind: "trouble", Message: "what was written down is not whole: " + err.Error()})
	}
	l.takeOver(p)
	l.resumeListeners(p)
	l.prune(p.self.Gone)
	if !p.running || p.self.Digest == l.self.Digest {
		return
	}
	diff := conf.Diff(l.config, now)
	if l.keepsOrphans() {
		diff.Removed = nil
	}
	if !diff.Empty() {
		l.apply(now, diff, nil)
	}
}

// prune takes out of the configuration in force what was on its way out already.
func (l *loop) prune(gone []string) {
	c := *l.config
	c.Programs = nil
	for _, p := range l.inOrder() {
		own := *p.conf
		own.Instances = make([]conf.Instance, 0, len(p.instances)) // never grown: they are pointed to
		for _, in := range p.instances {
			if !in.leaving {
				own.Instances = append(own.Instances, *in.conf)
				in.conf = &own.Instances[len(own.Instances)-1]
			}
		}
		p.conf = &own
		if !slices.Contains(gone, own.Name) {
			c.Programs = append(c.Programs, own)
		}
	}
	l.config = &c
}

func (l *loop) keepsOrphans() bool { return l.config.Supervisor.Orphans == conf.OrphansKeep }

// digest names what the config files say; "" when one cannot be read.
func digest(files []string) string {
	sum := sha256.New()
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		sum.Write([]byte(path + "\x00"))
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// sinceBoot is the clock that all supervisors of one boot share.
func sinceBoot() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for no clock of Linux
	return time.Duration(now.Nano())
}
