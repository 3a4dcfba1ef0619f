package supervisorctl

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

//go:embed usage.txt
var usage string

// Main is the program that is called as supervisorctl: args begin with its
// own name. It returns the exit code.
func Main(args []string, in *os.File, out, errw io.Writer) int {
	program := args[0]
	opts, err := ParseOptions(program, args[1:])
	if err != nil {
		fmt.Fprintf(errw, "Error: %v\nFor help, use %s -h\n", err, program)
		return exitInvalidArgs
	}
	if opts.help {
		fmt.Fprint(out, strings.ReplaceAll(usage, "%s", program))
		return exitOK
	}
	return Session(opts, in, out, errw)
}

// Session carries out the command that opts hold, or reads commands where they hold none.
func Session(opts Options, in *os.File, out, errw io.Writer) int {
	c := New(opts, nil, out, errw)
	c.input = NewInput(in, out, opts.History, c.Complete)
	defer c.input.Close()
	if len(opts.Args) > 0 {
		c.Run(strings.Join(opts.Args, " "))
		return c.Code()
	}
	Shell(opts.Prompt, c.input, out, c.Run)
	return exitOK
}

// NewInput is a line editor where in and out are terminals, else plain lines.
func NewInput(in *os.File, out io.Writer, history string, complete Completer) Input {
	if f, ok := out.(*os.File); ok && isTerminal(f) && isTerminal(in) {
		return NewTerminal(history, complete)
	}
	return NewPipe(in, out)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
