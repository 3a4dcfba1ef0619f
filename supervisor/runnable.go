package supervisor

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// runnable looks at a command as supervisord does before it starts one (4.2.5,
// get_execv_args): what cannot be executed is refused, whatever state the instance
// is in, with NoFile or NotExecutable and supervisord's words.
func runnable(in *conf.Instance) (control.Fault, string) {
	if line := in.Line; len(in.Argv) == 1 && in.Argv[0] == line && strings.ContainsAny(line, `'"\`) { // conf could not split it
		why := "No closing quotation" // Python's words (shlex)
		if strings.HasSuffix(line, "\\") {
			why = "No escaped character"
		}
		return control.NotExecutable, fmt.Sprintf("can't parse command '%s': %s", line, why)
	}
	if len(in.Argv) == 0 {
		return control.NotExecutable, "command is empty"
	}
	command := in.Argv[0]
	env := []string{}
	if path := in.Environment["PATH"]; path != "" {
		env = append(env, "PATH="+path)
	}
	for _, file := range spawn.Candidates(command, env) {
		if info, err := os.Stat(file); err == nil {
			return executable(file, info)
		}
	}
	return control.NoFile, fmt.Sprintf("can't find command '%s'", command)
}

func executable(file string, info os.FileInfo) (control.Fault, string) {
	refused := func(format string) (control.Fault, string) {
		return control.NotExecutable, fmt.Sprintf(format, "'"+file+"'")
	}
	switch {
	case info.IsDir():
		return refused("command at %s is a directory")
	case info.Mode().Perm()&0o111 == 0:
		return refused("command at %s is not executable")
	case unix.Access(file, unix.X_OK) != nil:
		return refused("no permission to run command %s")
	}
	return control.NoFault, ""
}
