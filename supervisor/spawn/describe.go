package spawn

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// explainExec words a refused exec. The kernel says ENOENT for a missing
// command and for a script's missing interpreter alike.
func explainExec(s *Spec, errno syscall.Errno) (step, object string, cause error) {
	command := s.Argv[0]
	bare := !strings.Contains(command, "/")
	for _, path := range Candidates(command, s.Env) {
		full := path
		if !filepath.IsAbs(full) {
			full = filepath.Join(s.Dir, full)
		}
		if errno == unix.ENOENT {
			if interpreter := shebang(full); interpreter != "" {
				return StepExec, path, fmt.Errorf("interpreter %q: %w", interpreter, errno)
			}
		}
		if info, err := os.Stat(full); err == nil && !info.IsDir() {
			return StepExec, path, errno
		}
	}
	if bare && (errno == unix.ENOENT || errno == unix.ENOTDIR) {
		return StepExec, command, fmt.Errorf("not found in PATH %q: %w", searchPath(s.Env), errno)
	}
	return StepExec, command, errno
}

// shebang is the interpreter in the first line of a script, "" without one.
func shebang(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n') // the kernel reads no further either
	rest, ok := strings.CutPrefix(string(line), "#!")
	if fields := strings.Fields(rest); ok && len(fields) > 0 {
		return fields[0]
	}
	return ""
}

var rlimitNames = map[int]string{
	unix.RLIMIT_AS: "as", unix.RLIMIT_CORE: "core", unix.RLIMIT_CPU: "cpu", unix.RLIMIT_DATA: "data",
	unix.RLIMIT_FSIZE: "fsize", unix.RLIMIT_LOCKS: "locks", unix.RLIMIT_MEMLOCK: "memlock",
	unix.RLIMIT_MSGQUEUE: "msgqueue", unix.RLIMIT_NICE: "nice", unix.RLIMIT_NOFILE: "nofile",
	unix.RLIMIT_NPROC: "nproc", unix.RLIMIT_RSS: "rss", unix.RLIMIT_RTPRIO: "rtprio",
	unix.RLIMIT_RTTIME: "rttime", unix.RLIMIT_SIGPENDING: "sigpending", unix.RLIMIT_STACK: "stack",
}

func rlimitText(l Rlimit) string {
	name := rlimitNames[l.Resource]
	if name == "" {
		name = "resource " + strconv.Itoa(l.Resource)
	}
	if l.Soft == l.Hard {
		return name + "=" + limitText(l.Soft)
	}
	return name + "=" + limitText(l.Soft) + ":" + limitText(l.Hard)
}

func limitText(v uint64) string {
	if v == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(v, 10)
}

func groupsText(groups []uint32) string {
	if len(groups) == 0 {
		return "none"
	}
	text := make([]string, len(groups))
	for i, g := range groups {
		text[i] = strconv.FormatUint(uint64(g), 10)
	}
	return strings.Join(text, ",")
}

// String words a status as a shell's user would: "exit code 1", "signal 9
// (killed)".
func (s Status) String() string {
	if s.Unknown {
		return "exit status unknown"
	}
	if s.Signal == 0 {
		return "exit code " + strconv.Itoa(s.Code)
	}
	text := fmt.Sprintf("signal %d (%v)", int(s.Signal), s.Signal)
	if s.Core {
		text += ", core dumped"
	}
	return text
}
