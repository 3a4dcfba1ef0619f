package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	// maxName is what a directory name may take: NAME_MAX less ".<run>".
	maxName  = 255 - 1 - 20
	hashLen  = 32 // hexadecimal digits of SHA-256 in a shortened name
	hexUpper = "0123456789ABCDEF"
)

// reserved are the words that the kernel's own files begin with ("memory.max").
// A run's directory is <instance>.<run>, so an instance must not be called so.
var reserved = map[string]bool{
	"cgroup": true, "cpu": true, "cpuset": true, "cpuacct": true, "io": true, "blkio": true,
	"memory": true, "pids": true, "hugetlb": true, "rdma": true, "misc": true, "dmem": true,
	"irq": true, "devices": true, "freezer": true, "perf_event": true, "net_cls": true,
	"net_prio": true, "debug": true,
}

// escape makes one directory name of any string, and a different one of each.
// Letters, digits, '_' and '-' stand for themselves, every other byte becomes
// %XX, "" becomes "%", and a reserved word has its first byte escaped. So there is never a dot
// in it: no "..", no name like an interface file, and the run's
// number can follow after one. What would be too long is cut and ends in '~'
// and a hash of the whole.
func escape(name string) string {
	if name == "" {
		return "%"
	}
	var b strings.Builder
	cut := 0 // the longest prefix of whole escapes that leaves room for the hash
	for i := 0; i < len(name); i++ {
		if b.Len() <= maxName-1-hashLen {
			cut = b.Len()
		}
		c := name[i]
		if plain(c) && (i > 0 || !reserved[name]) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexUpper[c>>4])
		b.WriteByte(hexUpper[c&15])
	}
	if b.Len() <= maxName {
		return b.String()
	}
	sum := sha256.Sum256([]byte(name))
	return b.String()[:cut] + "~" + hex.EncodeToString(sum[:])[:hashLen]
}

// unescape is the inverse of escape; false for a name that escape never made
// or had to shorten.
func unescape(dir string) (string, bool) {
	if dir == "%" {
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(dir); i++ {
		c := dir[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		if c != '%' || i+2 >= len(dir) {
			return "", false
		}
		hi, lo := strings.IndexByte(hexUpper, dir[i+1]), strings.IndexByte(hexUpper, dir[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	name := b.String()
	return name, escape(name) == dir
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// runDir names the directory of a run.
func runDir(instance string, run uint64) string {
	return escape(instance) + "." + strconv.FormatUint(run, 10)
}

// parseRunDir is the inverse of runDir. A shortened instance name is returned
// as the directory spells it.
func parseRunDir(dir string) (instance string, run uint64, ok bool) {
	esc, num, found := strings.Cut(dir, ".")
	if !found || esc == "" {
		return "", 0, false
	}
	run, err := strconv.ParseUint(num, 10, 64)
	if err != nil || strconv.FormatUint(run, 10) != num {
		return "", 0, false
	}
	return unescapeOr(esc), run, true
}

// unescapeOr is unescape that falls back to the directory's own spelling.
func unescapeOr(dir string) string {
	if name, ok := unescape(dir); ok {
		return name
	}
	return dir
}
