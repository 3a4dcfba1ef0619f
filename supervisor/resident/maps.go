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

// programFile finds the read-only mappings of the program file: code and constants.
func programFile() []span {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	return programMaps(string(maps))
}

// programMaps takes the program for the first file in the list. Its writable data
// must not be dropped.
func programMaps(maps string) []span {
	var out []span
	file := ""
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[5], "/") {
			continue
		}
		if file == "" {
			file = f[5]
		}
		from, to, ok := strings.Cut(f[0], "-")
		if f[5] != file || !ok || !strings.HasPrefix(f[1], "r") || f[1][1] == 'w' || f[1][3] != 'p' {
			continue
		}
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && a < b {
			out = append(out, span{uintptr(a), uintptr(b)})
		}
	}
	return out
}
