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
	out, err := memory("answer")
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := in.Write(text); err != nil {
		return fmt.Errorf("cannot keep the message: %v", err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cannot keep the message: %v", err)
	}
	c, err := spawn.Start(ctx, spawn.Spec{Argv: argv, Env: p.Env, Umask: -1, Stdin: fd(in), Stdout: fd(out), Stderr: fd(out), CgroupFD: -1})
	if err != nil {
		return err
	}
	defer c.Close()
	status, err := wait(ctx, c)
	if err != nil {
		return err
	}
	if status.Code == 0 && status.Signal == 0 {
		return nil
	}
	said := make([]byte, saidMost)
	n, _ := out.ReadAt(said, 0) // all there is, if it is less
	return fmt.Errorf("it ends with %v: %s", status, strings.ToValidUTF8(oneLine(strings.TrimSpace(string(said[:n]))), "?"))
}

// wait waits for a command's end. When ctx ends it is killed, and what it has started.
func wait(ctx context.Context, c *spawn.Child) (spawn.Status, error) {
	killed := false
	for {
		status, ended, err := c.TryWait()
		if err != nil || ended {
			if err == nil && killed {
				err = ctx.Err()
			}
			return status, err
		}
		select {
		case <-ctx.Done():
			killed = true
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
