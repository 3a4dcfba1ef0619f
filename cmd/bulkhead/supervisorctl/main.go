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
	c := New(opts, nil, out, errw)
	c.input = NewInput(in, out, opts.History, c.Complete)
	code := c.session()
	if err := c.input.Close(); err != nil {
		fmt.Fprintf(errw, "%v\n", err)
	}
	return code
}

// session carries out the command that the options hold, or reads commands
// where they hold none.
func (c *Controller) session() int {
	if len(c.opts.Args) > 0 {
		c.Run(strings.Join(c.opts.Args, " "))
		return c.Code()
	}
	Shell(c.opts.Prompt, c.input, c.out, c.Run)
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
