package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openBooks opens or makes the file; problem says why it had to be begun anew.
func openBooks(path string) (f *os.File, b books, problem, err error) {
	f, err = os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	switch {
	case err == nil:
		if problem = checkHeader(f); problem == nil {
			break
		}
		f.Close()
		problem = fmt.Errorf("cannot use the books %q, they are begun anew: %v", path, problem)
		f, err = newBooks(path)
	case errors.Is(err, os.ErrNotExist):
		f, err = newBooks(path)
	default: // a link, a directory
		problem = fmt.Errorf("cannot open the books %q, they are begun anew: %v", path, cause(err))
		f, err = newBooks(path)
	}
	if err != nil {
		return nil, nil, problem, fmt.Errorf("cannot make the books %q: %v", path, cause(err))
	}
	// More than the file has: the mapping never moves while the file grows.
	b, err = unix.Mmap(int(f.Fd()), 0, booksMost, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, nil, problem, fmt.Errorf("cannot map the books %q: %v", path, err)
	}
	return f, b, problem, nil
}

func checkHeader(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	have := make([]byte, len(magic))
	if _, err := f.ReadAt(have, 0); err != nil || info.Size() < entriesAt {
		return fmt.Errorf("%d bytes are too few", info.Size())
	}
	if string(have) != magic {
		return fmt.Errorf("they begin with %q and not with %q", have, magic)
	}
	for _, part := range [...]struct{ count, at, size, most int }{
		{headEntries, entriesAt, entrySize, entriesMost}, {headTaps, tapsAt, tapSize, tapsMost},
	} {
		var word [8]byte
		_, err := f.ReadAt(word[:], int64(part.count))
		n := binary.NativeEndian.Uint64(word[:])
		if err != nil || n > uint64(part.most) || n > 0 && info.Size() < int64(part.at)+int64(n)*int64(part.size) {
			return fmt.Errorf("%d bytes with %d places at %d", info.Size(), n, part.at)
		}
	}
	return nil
}

// allocate has a part of a file take its room now. tmpfs gives up at any signal (shmem_fallocate
// of mm/shmem.c), and the Go runtime sends itself some.
func allocate(fd int, at, size int64) error {
	for {
		if err := unix.Fallocate(fd, 0, at, size); err != unix.EINTR {
			return err
		}
	}
}

// newBooks appears under its name only when its header is whole.
func newBooks(path string) (*os.File, error) {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = allocate(int(f.Fd()), 0, entriesAt)
	if err == nil {
		_, err = f.WriteAt([]byte(magic), 0)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		f.Close()
		os.Remove(fresh)
		return nil, err
	}
	return f, nil
}

// region is a part of the file in pieces that are given out and taken back. It grows.
type region struct {
	fd         int
	books      books
	count      int // where the header has the number of pieces that have their room
	at         int // offset in the file
	size, most int // of a piece; how many there may be
	step       int // pieces by which it grows
	free       []int
}

func (r *region) have() int { return int(r.books.load(r.count)) }

// begin takes all pieces that are not in use as free.
func (r *region) begin(used func(n int) bool) {
	for n := r.have() - 1; n >= 0; n-- {
		if !used(n) {
			r.free = append(r.free, n)
		}
	}
}

// take gives out a piece that has its room on disk: writing to it through the
// mapping cannot fail.
func (r *region) take() (int, error) {
	if len(r.free) == 0 {
		have := r.have()
		if have >= r.most {
			return 0, fmt.Errorf("all %d places are taken", r.most)
		}
		if err := allocate(r.fd, int64(r.at+have*r.size), int64(r.step*r.size)); err != nil {
			return 0, err
		}
		for n := r.step - 1; n >= 0; n-- {
			r.free = append(r.free, have+n)
		}
		r.books.store(r.count, uint64(have+r.step))
	}
	n := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	return n, nil
}

func (r *region) give(n int) { r.free = append(r.free, n) }

// slots are the places for output on its way.
type slots struct {
	fd    int
	have  int
	free  []uint64 // the last one was used last
	cold  []uint64 // have no memory
	paths map[uint64]string
}

// begin takes all slots of a file of that size that are not used as free, and
// gives their memory back.
func (s *slots) begin(size int64, used map[uint64]bool) {
	s.paths = make(map[uint64]string)
	s.have = min(int(max(size-slotsAt, 0)+slotSize-1)/slotSize, slotsMost)
	for n := uint64(s.have); n > 0; n-- {
		if !used[n] {
			s.chill(n)
		}
	}
}

// take returns 0 when there are no more.
func (s *slots) take() (slot uint64) {
	switch {
	case len(s.free) > 0:
		slot = s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
	case len(s.cold) > 0:
		slot = s.cold[len(s.cold)-1]
		s.cold = s.cold[:len(s.cold)-1]
	case s.have < slotsMost:
		s.have++
		slot = uint64(s.have)
	}
	return slot
}

func (s *slots) give(slot uint64) {
	if len(s.free) < slotsAtRest {
		s.free = append(s.free, slot)
		return
	}
	s.chill(slot)
}

func (s *slots) chill(slot uint64) {
	delete(s.paths, slot)
	at := int64(slotData(slot) - slotHead)
	_ = unix.Fallocate(s.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, slotSize)
	s.cold = append(s.cold, slot)
}
