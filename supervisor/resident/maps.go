package resident

import (
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// span is a range of addresses: from the first to the one behind the last.
type span [2]uintptr

// bytes are what is there. It is not Go's memory, so the collector has no business with it.
func (s span) bytes() []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&s[0]))), s[1]-s[0])
}

// mapping is a line of /proc/PID/maps (proc_pid_maps(5)).
type mapping struct {
	span
	perms string
	name  string // of the file, or of what is no file; "" for memory without a name
}

func mappings(maps string) []mapping {
	var out []mapping
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 5 || len(f[1]) != 4 {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil || a >= b {
			continue
		}
		m := mapping{span: span{uintptr(a), uintptr(b)}, perms: f[1]}
		if len(f) > 5 {
			m.name = f[5]
		}
		out = append(out, m)
	}
	return out
}

func ownMaps() []mapping {
	maps, _ := os.ReadFile("/proc/self/maps") // none: nothing is known, and nothing done
	return mappings(string(maps))
}

// programFile finds the read-only mappings of the program file: code and constants. It
// is taken for the first file in the list. Its writable data must not be dropped.
func programFile(all []mapping) []span {
	var out []span
	file := ""
	for _, m := range all {
		if file == "" && strings.HasPrefix(m.name, "/") {
			file = m.name
		}
		if file != "" && m.name == file && strings.HasPrefix(m.perms, "r-") && m.perms[3] == 'p' {
			out = append(out, m.span)
		}
	}
	return out
}

// anonymous finds the memory that the process has asked for: Go's heap, above all, which
// may have a name (Linux 5.17).
func anonymous(all []mapping) []span {
	var out []span
	for _, m := range all {
		if m.perms == "rw-p" && (m.name == "" || strings.HasPrefix(m.name, "[anon:")) {
			out = append(out, m.span)
		}
	}
	return out
}
