package supervisor

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rules say which arrows between packages there may not be, and why.
var rules = []struct {
	from   string   // a package path, "..." for all below
	banned []string // import paths, "..." for all below
	why    string
}{
	{"bulkhead/programs/...", []string{"os", "os/exec", "syscall", "sync", "golang.org/x/...", "go.uber.org/...", "bulkhead/conf", "bulkhead/cgroup", "bulkhead/supervisor/..."},
		"programs decides; it touches no process, no clock and no file"},
	{"bulkhead/conf", []string{"bulkhead/...", "go.uber.org/...", "github.com/containerd/..."},
		"conf is a leaf: what is legal in a config does not depend on how it is run"},
	{"bulkhead/conf/ini", []string{"bulkhead/conf", "bulkhead/supervisor/...", "github.com/BurntSushi/...", "os", "path/filepath", "golang.org/x/..."},
		"ini reads text; it opens no file and judges no value"},
	{"bulkhead/cgroup", []string{"bulkhead/...", "go.uber.org/...", "github.com/BurntSushi/..."},
		"cgroup is a leaf: it knows directories, not programs"},
	{"bulkhead/supervisor/...", []string{"github.com/BurntSushi/...", "github.com/containerd/...", "github.com/opencontainers/...", "bulkhead/cmd/..."},
		"only conf reads TOML, only cgroup spells limits for the kernel, and nothing imports a command"},
	{"bulkhead/supervisor/spawn/...", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "go.uber.org/..."},
		"spawn starts what it is told"},
	{"bulkhead/supervisor/probe", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "bulkhead/supervisor/control", "go.uber.org/..."},
		"probe asks what it is told"},
	{"bulkhead/supervisor/logs", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "go.uber.org/..."},
		"logs moves bytes"},
	{"bulkhead/supervisor/state", []string{"bulkhead/...", "go.uber.org/...", "github.com/...", "os/exec"},
		"state is a leaf: it keeps documents and knows none"},
	{"bulkhead/supervisor/history", []string{"bulkhead/...", "go.uber.org/...", "github.com/...", "os/exec"},
		"history is a leaf: it keeps readings and takes none"},
	{"bulkhead/supervisor/xmlrpc", []string{"bulkhead/...", "go.uber.org/...", "golang.org/x/...", "os", "os/exec"},
		"xmlrpc is a leaf: a format and a client"},
	{"bulkhead/supervisor/rpc", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "bulkhead/supervisor/logs", "bulkhead/supervisor/spawn", "go.uber.org/..."},
		"rpc knows the supervisor by its interface alone"},
	{"bulkhead/supervisor/alert", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "bulkhead/supervisor", "go.uber.org/...", "os/exec"},
		"alert sends what it is told; it starts a command as a program is started"},
	{"bulkhead/supervisor/kmsg", []string{"bulkhead/...", "go.uber.org/...", "github.com/...", "golang.org/x/...", "os", "syscall", "sync"},
		"kmsg reads text: it opens nothing, and knows no clock"},
	{"bulkhead/supervisor/hear", []string{"bulkhead/...", "go.uber.org/...", "github.com/...", "golang.org/x/...", "fmt", "time", "regexp"},
		"hear is initialised before everything else"},
	{"bulkhead/supervisor/keeper", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "go.uber.org/..."},
		"keeper holds descriptors"},
	{"bulkhead/supervisor/resident", []string{"bulkhead/...", "go.uber.org/...", "github.com/...", "os/exec"},
		"resident is a leaf: it keeps pages and knows no reason"},
	{"bulkhead/supervisor/oneoff", []string{"bulkhead/supervisor", "bulkhead/supervisor/control", "bulkhead/supervisor/logs", "bulkhead/programs/...", "go.uber.org/..."},
		"oneoff runs a command without a supervisor"},
	{"bulkhead/cmd/bulkhead/supervisorctl", []string{"bulkhead/conf", "bulkhead/cgroup", "bulkhead/programs/...", "bulkhead/supervisor", "bulkhead/supervisor/control", "os/exec"},
		"supervisorctl asks in supervisord's language, whoever answers"},
	{"bulkhead/cmd/bulkhead/doctor", []string{"bulkhead/programs/...", "bulkhead/cgroup", "bulkhead/supervisor", "bulkhead/supervisor/rpc", "os/exec", "syscall"},
		"doctor reads files: the kernel's, and a supervisor's history; it starts, changes and asks nothing"},
	{"bulkhead/cmd/bench", []string{"bulkhead/..."},
		"bench runs the program as any peer: what it measures is what users have"},
	{"bulkhead/cmd/bulkhead", []string{"bulkhead/programs/...", "bulkhead/cgroup", "os/exec", "github.com/prometheus/..."},
		"the command line asks the daemon; it decides nothing and starts nothing"},
}

// TestImports holds the arrows of ARCHITECTURE.md.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, "bulkhead/...").Output()
	if err != nil {
		t.Fatalf("cannot list packages: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 5 {
		t.Fatalf("only %d packages found", len(lines))
	}
	for _, line := range lines {
		pkg, imports, _ := strings.Cut(line, ":")
		for _, r := range rules {
			if !under(r.from, pkg) {
				continue
			}
			for imp := range strings.FieldsSeq(imports) {
				own := strings.HasPrefix(imp, strings.TrimSuffix(r.from, "/...")) // its own subpackages
				if !own && slices.ContainsFunc(r.banned, func(b string) bool { return under(b, imp) }) {
					t.Errorf("%s imports %s: %s", pkg, imp, r.why)
				}
			}
		}
	}
}

// under reports whether path is pattern, or below it when it ends in "...".
func under(pattern, path string) bool {
	base, all := strings.CutSuffix(pattern, "/...")
	return path == base || all && strings.HasPrefix(path, base+"/")
}
