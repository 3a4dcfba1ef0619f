package supervisorctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Shell reads lines and has them carried out, beginning with "status", until
// one is the last. At the end of the input it is "EOF" that is carried out.
func Shell(prompt string, in Input, out io.Writer, run func(line string) (done bool)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if run("status") {
		return
	}
	for {
		line, err := in.Line(ctx, prompt+"> ")
		switch {
		case errors.Is(err, io.EOF):
			line = "EOF"
		case err != nil: // Ctrl-C, or a terminal that is no more
			fmt.Fprintln(out)
			return
		}
		if run(line) {
			return
		}
	}
}
