package rpc

import (
	"context"
	"io"
	"os"
	"strings"

	"bulkhead/supervisor/xmlrpc"
)

// maxSlice is the most of a log in one answer; more than that has to be asked for in parts.
const maxSlice = 64 << 20

func readLog(ctx context.Context, i *Interface, a arguments) (any, error) {
	return readSlice(i.super.LogFile(ctx, "", "stdout"), a.number(0), a.number(1))
}

func readStdout(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.readProcess(ctx, a, "stdout")
}

func readStderr(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.readProcess(ctx, a, "stderr")
}

func (i *Interface) readProcess(ctx context.Context, a arguments, channel string) (any, error) {
	p, err := i.process(ctx, a.text(0))
	if err != nil {
		return nil, err
	}
	return readSlice(i.super.LogFile(ctx, p.FullName(), channel), a.number(1), a.number(2))
}

func readSlice(path string, offset, length int) (any, error) {
	f, size, err := openLog(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from, to, ok := readRange(size, int64(offset), int64(length))
	if !ok {
		return nil, fault(BadArguments, "")
	}
	return slice(f, from, to)
}

func tailStdout(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.tailProcess(ctx, a, "stdout")
}

func tailStderr(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.tailProcess(ctx, a, "stderr")
}

// tailProcess answers [text, offset of the end, overflow]; a log that is not there is empty.
func (i *Interface) tailProcess(ctx context.Context, a arguments, channel string) (any, error) {
	p, err := i.process(ctx, a.text(0))
	if err != nil {
		return nil, err
	}
	f, size, err := openLog(i.super.LogFile(ctx, p.FullName(), channel))
	if err != nil {
		return xmlrpc.Array{"", 0, false}, nil
	}
	defer f.Close()
	from, to, overflow := tailRange(size, int64(a.number(1)), int64(a.number(2)))
	text, err := slice(f, from, to)
	if err != nil {
		return xmlrpc.Array{"", a.number(1), false}, nil
	}
	return xmlrpc.Array{text, int(size), overflow}, nil
}

// openLog opens a log to be read at any place of it.
func openLog(path string) (*os.File, int64, error) {
	if path == "" {
		return nil, 0, fault(NoFile, "")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fault(NoFile, path)
	}
	if !info.Mode().IsRegular() { // opened, a fifo would take what is meant for somebody else
		return nil, 0, fault(Failed, "")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fault(Failed, "")
	}
	return f, info.Size(), nil
}

func slice(f *os.File, from, to int64) (string, error) {
	text := make([]byte, max(0, min(to-from, maxSlice)))
	n, err := f.ReadAt(text, from)
	if err != nil && err != io.EOF { // EOF: it was truncated just now
		return "", fault(Failed, "")
	}
	return strings.ToValidUTF8(string(text[:n]), "\uFFFD"), nil
}

func clearLog(ctx context.Context, i *Interface, _ arguments) (any, error) {
	path := i.super.LogFile(ctx, "", "stdout")
	if _, err := os.Stat(path); path == "" || err != nil {
		return nil, fault(NoFile, "")
	}
	if i.super.Clear(ctx, "") != nil {
		return nil, fault(Failed, "")
	}
	return true, nil
}

func clearProcessLogs(ctx context.Context, i *Interface, a arguments) (any, error) {
	p, err := i.process(ctx, a.text(0))
	if err != nil {
		return nil, err
	}
	if i.super.Clear(ctx, p.FullName()) != nil {
		return nil, fault(Failed, a.text(0))
	}
	return true, nil
}

func clearAllProcessLogs(ctx context.Context, i *Interface, _ arguments) (any, error) {
	out := xmlrpc.Array{}
	for _, p := range i.byPriority(ctx) {
		err := i.super.Clear(ctx, p.FullName())
		if err != nil {
			err = fault(Failed, p.FullName())
		}
		out = append(out, status(p.FullName(), err))
	}
	return out, nil
}

func sendProcessStdin(ctx context.Context, i *Interface, a arguments) (any, error) {
	p, err := i.process(ctx, a.text(0))
	if err != nil {
		return nil, err
	}
	err = i.super.Write(ctx, p.FullName(), a.text(1))
	if f, ok := err.(*Fault); ok && f.Detail == "" {
		err = fault(f.Code, a.text(0))
	}
	return done(err)
}
