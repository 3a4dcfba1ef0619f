package main

import (
	"io"
	"os"
	"path/filepath"

	"bulkhead/cmd/bulkhead/supervisorctl"
)

func main() { os.Exit(called(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// called is the whole program, which is another one by another name: a link
// is all that scripts need which call supervisorctl.
func called(args []string, in *os.File, out, errw io.Writer) int {
	switch filepath.Base(args[0]) {
	case "supervisorctl":
		return supervisorctl.Main(args, in, out, errw)
	case "supervisord":
		return (&app{out: out, err: errw}).supervisord(args)
	}
	return run(args[1:], out, errw)
}
