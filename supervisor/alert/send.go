package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

// Post is how messages leave this host.
type Post struct {
	Sendmail string // the program; "" is /usr/sbin/sendmail
	Env      []string
	Agent    string // User-Agent of a webhook
}

const (
	sendmail   = "/usr/sbin/sendmail"
	answerMost = 64 << 10 // of an answer is read
	saidMost   = 200      // of what a command said is told
	lookAgain  = 5 * time.Millisecond
	lastWords  = 20 * time.Millisecond // for what stands in the pipe of a command that has ended
	killedMost = 2 * time.Second       // from SIGKILL to the end of a command; one that hangs in the kernel is left
)

// Send sends one message. It returns soon after ctx has ended, and leaves nothing running.
func (p Post) Send(ctx context.Context, w Way, m Message) error {
	switch {
	case len(w.Command) > 0:
		text, err := m.json()
		if err != nil {
			return permanentError{err}
		}
		return p.run(ctx, w.Command, text)
	case w.Sendmail != "":
		program := p.Sendmail
		if program == "" {
			program = sendmail
		}
		return p.run(ctx, []string{program, "-t", "-i"}, m.mail(w.Sendmail, time.Now()))
	}
	text, err := m.json()
	if err != nil {
		return permanentError{err}
	}
	return p.hook(ctx, w.Webhook, text)
}

// client follows no redirect: that would make a GET of the message.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (p Post) hook(ctx context.Context, target string, text []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		return permanentError{errors.New("it is no URL")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.Agent)
	resp, err := client.Do(req)
	if err != nil {
		if bad, ok := errors.AsType[*url.Error](err); ok {
			err = bad.Err // the URL may be a secret
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, answerMost)) // so that the connection can be used again
	err = fmt.Errorf("it answers %s", resp.Status)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code/100 == 5:
		return err
	}
	return permanentError{err}
}

// run runs a command with text on its standard input. It is started as the programs
// are, a session of its own: whoever reaps orphans leaves it to us.
func (p Post) run(ctx context.Context, argv []string, text []byte) error {
	in, err := memory("message")
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Write(text); err != nil {
		return fmt.Errorf("cannot keep the message: %v", err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cannot keep the message: %v", err)
	}
	out, end, err := listen()
	if err != nil {
		return err
	}
	c, err := spawn.Start(ctx, spawn.Spec{Argv: argv, Env: p.Env, Umask: -1, Stdin: fd(in), Stdout: end, Stderr: end, CgroupFD: -1})
	unix.Close(end)
	if err != nil {
		out.stop()
		return err
	}
	defer c.Close()
	status, err := wait(ctx, c)
	said := out.stop()
	if err != nil {
		return err
	}
	if status.Code == 0 && status.Signal == 0 {
		return nil
	}
	return fmt.Errorf("it ends with %v: %s", status, said)
}

// answer is what a command says: its beginning is kept, the rest is thrown away.
type answer struct {
	pipe *os.File
	said []byte
	done chan struct{}
}

// listen returns an answer, and the descriptor that a command speaks into. That one stays
// a blocking one: the command shares it.
func listen() (*answer, int, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, fmt.Errorf("cannot make a pipe: %v", err)
	}
	_ = unix.SetNonblock(ends[0], true) // so that a read of it can be ended; an open pipe refuses nothing
	a := &answer{pipe: os.NewFile(uintptr(ends[0]), "answer"), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		buf := make([]byte, 4<<10)
		for {
			n, err := a.pipe.Read(buf)
			a.said = append(a.said, buf[:min(n, saidMost-len(a.said))]...)
			if err != nil {
				return
			}
		}
	}()
	return a, ends[1], nil
}

// stop returns what was said, in one line. Others may still hold the pipe open.
func (a *answer) stop() string {
	_ = a.pipe.SetReadDeadline(time.Now().Add(lastWords)) // a pipe takes deadlines
	<-a.done
	a.pipe.Close()
	return strings.ToValidUTF8(oneLine(strings.TrimSpace(string(a.said))), "?")
}

// wait waits for a command's end. When ctx ends it is killed, and what it has started.
func wait(ctx context.Context, c *spawn.Child) (spawn.Status, error) {
	var killed time.Time
	for {
		status, ended, err := c.TryWait()
		if err != nil || ended || !killed.IsZero() && time.Since(killed) > killedMost {
			if err == nil && !killed.IsZero() {
				err = ctx.Err()
			}
			return status, err
		}
		select {
		case <-ctx.Done():
			if killed.IsZero() {
				killed = time.Now()
			}
			_ = unix.Kill(-c.PID, unix.SIGKILL) // its group has the number while it is not waited for
			_ = c.Signal(syscall.SIGKILL)
			time.Sleep(lookAgain)
		case <-time.After(lookAgain):
		}
	}
}

func memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a file in memory: %v", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// fd is f.Fd without its side effect.
func fd(f *os.File) int {
	n := -1
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { n = int(fd) }) // fails for a closed file only
	}
	return n
}
