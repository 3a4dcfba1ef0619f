package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// An upgrade executes the binary on disk in this same process. Children stay
// children, descriptors stay open, and the successor gets in a memfd what we
// remember. Whatever may be wrong with the new binary or with the config is found
// out before, by a rehearsal: the binary is run beside us and does all that
// it would do up to the first thing that changes anything.

// rehearseMost is how long the new binary may take to say that it could go on. We
// go on meanwhile, and a host that has a deployment on it may be slow.
const rehearseMost = time.Minute

// Rehearsal is what the new binary answers.
type Rehearsal struct {
	Version string
}

// from is the note of an upgrade order: what the successor tells the client.
type from struct{ Version string }

// upgrade carries the order out, or finishes it in the successor.
func (d *daemon) upgrade(ctx context.Context) ([]control.Outcome, error) {
	note := control.NoteOf(ctx)
	var was from
	if note.Get(&was) {
		return []control.Outcome{{Name: "bulkhead",
			Done: fmt.Sprintf("upgraded: %s -> %s (pid %d)", was.Version, d.info.Version, d.info.PID)}}, nil
	}
	if !d.upgrading.TryLock() {
		return nil, &control.Error{Fault: control.Failed, Message: "an upgrade is under way already"}
	}
	defer d.upgrading.Unlock()
	if err := d.rehearse(ctx); err != nil {
		return nil, &control.Error{Fault: control.Failed, Message: err.Error()}
	}
	q := &upgradeRequest{replace: d.replace, note: note, from: from{d.info.Version}, failed: make(chan error, 1)}
	if err := d.ask(ctx, q); err != nil {
		return nil, err
	}
	err, ok := answer(d.loop, q.failed)
	if !ok {
		return nil, errEnded()
	}
	return nil, &control.Error{Fault: control.Failed, Message: err.Error()}
}

// upgradeRequest has the loop give way to its successor. It is answered only
// when that failed, and everything is as it was.
type upgradeRequest struct {
	replace func() error
	note    *control.Note
	from    from
	failed  chan error
}

func (q *upgradeRequest) do(l *loop) {
	if l.ending != nil {
		q.failed <- errors.New("the supervisor is shutting down")
		return
	}
	l.event(nil, 0, control.Event{Kind: "supervisor", Message: "upgrading: the binary on disk takes over"})
	q.note.Set(q.from)
	err := q.replace()
	l.event(nil, 0, control.Event{Kind: "trouble", Message: fmt.Sprintf("no upgrade, everything is as it was: %v", err)})
	q.failed <- err
}

// rehearse runs the new binary up to where it would change something.
func (d *daemon) rehearse(ctx context.Context) error {
	all := make(chan map[string]any, 1)
	if err := d.ask(ctx, rememberedRequest{all}); err != nil {
		return err
	}
	docs, ok := answer(d.loop, all)
	if !ok {
		return errEnded()
	}
	written, err := writeHandover(docs)
	if err != nil {
		return err
	}
	defer written.Close()
	said, err := run(ctx, d.exe, append(os.Args[1:len(os.Args):len(os.Args)],
		"--rehearse", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), written.Fd())))
	if err != nil {
		return fmt.Errorf("no upgrade, nothing was changed: %w", err)
	}
	var r Rehearsal
	if i := strings.LastIndex(said, "{"); i < 0 || json.Unmarshal([]byte(said[i:]), &r) != nil || r.Version == "" {
		return fmt.Errorf("no upgrade, nothing was changed: %q does not answer as a bulkhead that could take over: %q", d.exe, strings.TrimSpace(said))
	}
	return nil
}

// rememberedRequest asks for all that is remembered now.
type rememberedRequest struct{ all chan map[string]any }

func (q rememberedRequest) do(l *loop) { q.all <- l.rememberAll() }

// run runs a command to its end and returns what it said. It is started as the
// programs are: whoever reaps orphans leaves it to us.
func run(ctx context.Context, exe string, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, rehearseMost)
	defer cancel()
	fd, err := unix.MemfdCreate("rehearsal", unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("cannot make a file in memory: %v", err)
	}
	out := os.NewFile(uintptr(fd), "rehearsal")
	defer out.Close()
	c, err := spawn.Start(ctx, spawn.Spec{Argv: append([]string{exe}, args...), Env: ownEnviron(), Umask: -1,
		Stdout: fd, Stderr: fd, CgroupFD: -1})
	if err != nil {
		return "", err
	}
	defer c.Close()
	status, err := waitFor(ctx, c)
	said := make([]byte, 64<<10)
	n, _ := out.ReadAt(said, 0) // all there is, less than 64 KiB
	text := strings.TrimSpace(string(said[:n]))
	switch {
	case err != nil:
		return "", err
	case status.Code != 0:
		return "", fmt.Errorf("%s says (%v): %s", exe, status, text)
	}
	return text, nil
}

// waitFor waits for a child's end; one that takes too long is killed.
func waitFor(ctx context.Context, c *spawn.Child) (spawn.Status, error) {
	late := false
	for {
		status, ended, err := c.TryWait()
		switch {
		case err != nil:
			return status, err
		case ended && late:
			return status, fmt.Errorf("it took longer than %v", rehearseMost)
		case ended:
			return status, nil
		}
		select {
		case <-ctx.Done():
			late = true
			_ = c.Signal(syscall.SIGKILL) // it may have ended just now
		case <-time.After(2 * time.Millisecond):
		}
	}
}
