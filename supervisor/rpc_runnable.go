package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/rpc"
	"bulkhead/supervisor/spawn"
)

// Runnable looks at the command as supervisord does before it starts one (4.2.5,
// get_execv_args): what cannot be executed is refused, whatever state the instance is in.
func (w wireSide) Runnable(_ context.Context, name string) error {
	v, err := w.view(name)
	if err != nil {
		return err
	}
	if line := v.inst.Line; len(v.inst.Argv) == 1 && v.inst.Argv[0] == line && strings.ContainsAny(line, `'"\`) { // conf could not split it
		why := "No closing quotation" // Python's words (shlex)
		if strings.HasSuffix(line, "\\") {
			why = "No escaped character"
		}
		return &rpc.Fault{Code: rpc.NotExecutable, Detail: fmt.Sprintf("can't parse command '%s': %s", line, why)}
	}
	if len(v.inst.Argv) == 0 {
		return &rpc.Fault{Code: rpc.NotExecutable, Detail: "command is empty"}
	}
	command := v.inst.Argv[0]
	env := []string{}
	if path := v.inst.Environment["PATH"]; path != "" {
		env = append(env, "PATH="+path)
	}
	for _, file := range spawn.Candidates(command, env) {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		return executable(file, info)
	}
	return &rpc.Fault{Code: rpc.NoFile, Detail: fmt.Sprintf("can't find command '%s'", command)}
}

func executable(file string, info os.FileInfo) error {
	refused := func(format string) error {
		return &rpc.Fault{Code: rpc.NotExecutable, Detail: fmt.Sprintf(format, "'"+file+"'")}
	}
	switch {
	case info.IsDir():
		return refused("command at %s is a directory")
	case info.Mode().Perm()&0o111 == 0:
		return refused("command at %s is not executable")
	case unix.Access(file, unix.X_OK) != nil:
		return refused("no permission to run command %s")
	}
	return nil
}
