package conf

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strings"
)

// Place names what a supervisor has on its host beside its socket: "bulkhead"
// for the one with the usual socket, for others a name that goes with theirs,
// so that several live on one host.
func (s Supervisor) Place() string { return placeOf(s.Socket) }

// RuntimeDir holds what must outlive the supervisor, but not the boot.
func (s Supervisor) RuntimeDir() string { return strings.TrimSuffix(s.Socket, ".sock") + ".d" }

func placeOf(socket string) string {
	if strings.HasSuffix(socket, "/bulkhead/bulkhead.sock") {
		return "bulkhead"
	}
	sum := fnv.New32a()
	sum.Write([]byte(socket))
	return fmt.Sprintf("bulkhead-%08x", sum.Sum32())
}

// stateDirOf is the default of state_dir.
func stateDirOf(socket string, env Env) string {
	dir := DefaultStateDir(env)
	if socket != DefaultSocket(env) {
		dir = filepath.Join(dir, placeOf(socket))
	}
	return dir
}
