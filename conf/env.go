package conf

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Env is what resolving a configuration needs to know of the host, so that
// Read depends on nothing but its arguments and the files.
type Env struct {
	MemoryTotal Bytes // RAM; 0: unknown
	MemoryHard  Bytes // the lowest memory limit of the cgroups above us; 0 or Unlimited: none
	CPUs        int   // 0: unknown
	UID         int   // effective user of the supervisor
	Home        string
	Cwd         string // where relative paths of a supervisord.conf begin
	Hostname    string
	Environ     map[string]string

	// Needs are the bytes that an instance of each program has used at most, as is
	// remembered in a state directory; nil: nothing is known.
	Needs func(stateDir string) map[string]Bytes

	LookupUser  func(nameOrID string) (User, error)   // nil: the user database
	LookupGroup func(nameOrID string) (uint32, error) // nil: the group database
}

// Memory is what there is to promise: RAM, or less inside a limited container.
func (e Env) Memory() Bytes {
	if e.MemoryHard > 0 && e.MemoryHard < e.MemoryTotal {
		return e.MemoryHard
	}
	return e.MemoryTotal
}

// HostEnv reads the facts of this host from /proc, the cgroup mount and the
// environment.
func HostEnv() (Env, error) {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Env{}, fmt.Errorf("cannot read the host's memory: %v", err)
	}
	total, err := parseMemTotal(string(meminfo))
	if err != nil {
		return Env{}, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return Env{}, fmt.Errorf("cannot read the host's name: %v", err)
	}
	home, _ := os.UserHomeDir() // "" without $HOME
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "/" // it was removed
	}
	own, _ := os.ReadFile("/proc/self/cgroup")
	return Env{
		MemoryTotal: total,
		MemoryHard:  hardLimit(string(own), "/sys/fs/cgroup"),
		CPUs:        runtime.NumCPU(),
		UID:         os.Geteuid(),
		Home:        home,
		Cwd:         cwd,
		Hostname:    hostname,
		Environ:     environ(os.Environ()),
	}, nil
}

func environ(list []string) map[string]string {
	all := make(map[string]string, len(list))
	for _, entry := range list {
		if key, value, ok := strings.Cut(entry, "="); ok && key != "" {
			all[key] = value
		}
	}
	return all
}

// parseMemTotal reads the first line of /proc/meminfo: MemTotal in KiB.
func parseMemTotal(meminfo string) (Bytes, error) {
	for line := range strings.Lines(meminfo) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 52); err == nil && kib > 0 {
				return Bytes(kib) << 10, nil
			}
		}
	}
	return 0, fmt.Errorf("cannot find MemTotal in /proc/meminfo")
}

// hardLimit is the lowest memory limit from our own cgroup up to the root of
// the mount. What cannot be read limits nothing: in a container the root of
// the mount is the container's own cgroup, whatever /proc/self/cgroup says.
func hardLimit(own, mount string) Bytes {
	lowest := Unlimited
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := mount, "memory.max"
		if strings.Contains(","+parts[1]+",", ",memory,") {
			root, file = filepath.Join(mount, "memory"), "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			lowest = min(lowest, readLimit(filepath.Join(root, dir, file)))
			if dir == "/" {
				break
			}
		}
	}
	return lowest
}

func readLimit(file string) Bytes {
	data, err := os.ReadFile(file)
	if err != nil {
		return Unlimited
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || n <= 0 { // "max"
		return Unlimited
	}
	return Bytes(n)
}
