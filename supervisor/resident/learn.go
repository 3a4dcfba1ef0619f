package resident

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Pages are those of the program file that are not needed.
type Pages struct{ spare []span }

// All are all of them: nobody knows yet which are needed.
func All() Pages { return Pages{programFile(ownMaps())} }

// Learn has do done and remembers which pages of the program file that took. The code of
// packages, named as in an import, counts as taken, since not all that may be
// wanted of it can be tried. Others may go on meanwhile: what they use is needed too.
func Learn(do func(), packages ...string) (Pages, error) {
	maps := programFile(ownMaps())
	wanted := codeOf(maps, packages)
	for _, m := range maps {
		if locked() {
			_ = unix.Munlock(m.bytes()) // before Linux 5.18 what is locked cannot be dropped
		}
		split(m)
		drop(m)
	}
	do()
	for _, page := range wanted {
		touch(page)
	}
	spare, err := absent(maps)
	for _, m := range maps {
		_ = unix.Madvise(m.bytes(), unix.MADV_NORMAL) // one mapping again
		if locked() {
			_, _, _ = unix.Syscall(unix.SYS_MLOCK2, m[0], m[1]-m[0], unix.MLOCK_ONFAULT) // it was allowed before
		}
	}
	if err != nil {
		return Pages{maps}, err
	}
	return Pages{spare}, nil
}

// Shed gives back what is mapped of the pages. They are the page cache's; one that is
// wanted again comes back by a minor fault, or is read again.
func (p Pages) Shed() {
	for _, s := range p.spare {
		drop(s)
	}
}

// drop unmaps a range. Before Linux 5.18 one that is locked stays.
func drop(s span) {
	if unix.Madvise(s.bytes(), unix.MADV_DONTNEED_LOCKED) != nil {
		_ = unix.Madvise(s.bytes(), unix.MADV_DONTNEED) // a hint; refusing it costs memory only
	}
}

// split makes every page a mapping of its own, by a flag that every other one has: a fault
// maps what is around it in the same mapping only. That it is read without its neighbours
// is of no account for the moment that it lasts.
func split(m span) {
	size := uintptr(os.Getpagesize())
	for a := m[0]; a < m[1]; a += 2 * size {
		_ = unix.Madvise(span{a, a + size}.bytes(), unix.MADV_RANDOM) // at worst too much is kept
	}
}

// absent are the ranges that are not mapped now, by /proc/self/pagemap: a word for each page, whose
// highest bit says that it is there (admin-guide/mm/pagemap.rst). Since Linux 4.2 it needs no rights.
func absent(maps []span) ([]span, error) {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, fmt.Errorf("cannot learn which pages are needed: %v", err)
	}
	defer f.Close()
	var all []span
	size := uintptr(os.Getpagesize())
	for _, m := range maps {
		words := make([]byte, (m[1]-m[0])/size*8)
		if _, err := f.ReadAt(words, int64(m[0]/size*8)); err != nil {
			return nil, fmt.Errorf("cannot learn which pages are needed: %v", err)
		}
		all = append(all, gaps(m[0], size, words)...)
	}
	return all, nil
}

// gaps joins the pages that are not there.
func gaps(at, size uintptr, words []byte) []span {
	var out []span
	for i := 0; i+8 <= len(words); i, at = i+8, at+size {
		switch last := len(out) - 1; {
		case binary.NativeEndian.Uint64(words[i:])>>63 != 0:
		case last >= 0 && out[last][1] == at:
			out[last][1] += size
		default:
			out = append(out, span{at, at + size})
		}
	}
	return out
}

// codeOf are the addresses of pages that begin in a function of one of the packages.
func codeOf(maps []span, packages []string) []uintptr {
	var out []uintptr
	for _, m := range maps {
		for a := m[0]; a < m[1]; a += uintptr(os.Getpagesize()) {
			f := runtime.FuncForPC(a)
			if f == nil {
				continue
			}
			for _, p := range packages {
				if strings.HasPrefix(f.Name(), p+".") {
					out = append(out, a)
				}
			}
		}
	}
	return out
}

// touch reads a byte of a page. Inlined, the reading would be left out.
//
//go:noinline
func touch(page uintptr) byte { return span{page, page + 1}.bytes()[0] }
