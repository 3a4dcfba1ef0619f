package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// mend reads the books: it drops what is damaged, or belongs to no FIFO any
// more, and finds out about every write that was under way.
func (s *Streams) mend() error {
	names, err := s.fifos()
	if err != nil {
		return err
	}
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	s.entries = region{fd: s.fd, books: s.books, count: headEntries, at: entriesAt, size: entrySize, most: entriesMost, step: growEntries}
	s.taps = region{fd: s.fd, books: s.books, count: headTaps, at: tapsAt, size: tapSize, most: tapsMost, step: growTaps}
	slots, taps := make(map[uint64]bool), make(map[uint64]bool)
	used := func(n int) bool {
		e := s.books.entry(n)
		if e.get(entryState) == 0 {
			return false
		}
		if id, ok := s.check(e, names, info.Size(), slots, taps); ok {
			s.known[id] = n
			return true
		}
		e.set(entryState, 0)
		return false
	}
	s.entries.begin(used)
	s.taps.begin(func(n int) bool { return taps[uint64(n)+1] })
	s.slots.fd = s.fd
	s.slots.begin(info.Size(), slots)
	for id, n := range s.known {
		if problem := s.resolve(s.books.entry(n)); problem != nil {
			s.problems = append(s.problems, fmt.Errorf("cannot tell whether output of %s was written; it is written once more: %v", id, problem))
		}
	}
	return nil
}

// check says whether the entry stays, and makes it consistent.
func (s *Streams) check(e entry, names map[string]bool, size int64, slots, taps map[uint64]bool) (StreamID, bool) {
	id, ok := e.id()
	if !ok || e.get(entryState) != 1 || id.check() != nil {
		s.problems = append(s.problems, fmt.Errorf("an entry of the books is damaged and dropped: number %d", (e.at-entriesAt)/entrySize))
		return id, false
	}
	if _, twice := s.known[id]; twice || !names[id.fileName()] {
		return id, false // killed while it was removed
	}
	if tap := e.get(entryTap); tap != 0 && (tap > uint64(s.taps.have()) || taps[tap]) {
		s.problems = append(s.problems, fmt.Errorf("the count of %s is damaged and begins anew", id))
		e.set(entryTap, 0)
	} else if tap != 0 {
		taps[tap] = true
	}
	if r := e.stage(); !s.consistent(e, size) || slots[r.slot] {
		s.problems = append(s.problems, fmt.Errorf("what was read of %s and not written is damaged and dropped", id))
		e.set(entryIntent, noIntent)
		e.setStage(stageRecord{base: e.get(entryDone)})
	} else if r.slot != 0 {
		slots[r.slot] = true
	} else {
		e.set(entryDone, r.end()) // killed between the two steps of passing
	}
	if e.tapped() && e.tap().pos > e.stage().end() {
		t := e.tap()
		e.setTap(tapRecord{e.stage().end(), t.count, bytes.Clone(t.state)})
	}
	return id, true
}

// consistent says whether the stage's numbers can be.
func (s *Streams) consistent(e entry, size int64) bool {
	r, done := e.stage(), e.get(entryDone)
	if r.slot == 0 {
		return true
	}
	if r.slot > slotsMost {
		return false
	}
	at := int64(slotData(r.slot))
	if r.off < at || r.off > at+chunkSize || r.off > size || done < r.base || done > r.end() {
		return false
	}
	if r.off == at {
		return true
	}
	// A hole has never been written, and touching it on a full disk would be fatal.
	hole, err := unix.Seek(s.fd, at, unix.SEEK_HOLE)
	return err == nil && hole >= r.off
}

// resolve ends the entry's pending intent: what of it is in the log is done.
func (s *Streams) resolve(e entry) error {
	r, ok := e.intent()
	stage, done := e.stage(), e.get(entryDone)
	if !ok || stage.slot == 0 || r.length == 0 || r.length > stage.end()-done {
		e.set(entryIntent, noIntent)
		return nil
	}
	at := slotData(stage.slot) + int(done-stage.base)
	data := e.books[at:][:r.length]
	f, err := findFile(s.slotPath(stage.slot), r)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := findWrite(f, r, data)
	if err != nil {
		return err
	}
	if n > 0 && n < len(data) {
		n += finish(f, data[n:])
	}
	if n > 0 {
		e.set(entryDone, done+uint64(n))
	}
	e.set(entryIntent, noIntent)
	return nil
}

// finish writes what is left of a write that was cut short, before anybody
// else can write into the middle of its last line. What does not fit stays staged.
func finish(f *os.File, rest []byte) int {
	w, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0
	}
	defer w.Close()
	n, _ := w.Write(rest)
	return n
}

// writePath notes in the slot's head where its output goes.
func (g *stage) writePath(path string) bool {
	if len(path) > slotHead-2 {
		return false
	}
	head := binary.NativeEndian.AppendUint16(make([]byte, 0, 2+len(path)), uint16(len(path)))
	_, err := unix.Pwrite(g.s.fd, append(head, path...), int64(slotData(g.slot)-slotHead))
	return err == nil
}

func (s *Streams) slotPath(slot uint64) string {
	head := make([]byte, slotHead)
	if _, err := unix.Pread(s.fd, head, int64(slotData(slot)-slotHead)); err != nil {
		return ""
	}
	n := min(int(binary.NativeEndian.Uint16(head)), slotHead-2)
	return string(head[2:][:n])
}

// searchMost bounds how far a write is looked for behind others' writes.
const searchMost = 1 << 20

// findWrite says how many of the intent's bytes are in its file. Contents decide, since programs
// that are not ours may append to the file as well.
func findWrite(f *os.File, r intentRecord, data []byte) (int, error) {
	after, err := io.ReadAll(io.NewSectionReader(f, int64(r.size), int64(len(data))+searchMost))
	if err != nil {
		return 0, cause(err)
	}
	if n := min(len(after), len(data)); bytes.Equal(after[:n], data[:n]) {
		return n, nil
	}
	if bytes.Contains(after, data) {
		return len(data), nil
	}
	return 0, nil
}

// findFile opens the intent's file: the log, or the first backup that is it.
func findFile(path string, r intentRecord) (*os.File, error) {
	for n := 0; ; n++ {
		name := path
		if n > 0 {
			name += "." + strconv.Itoa(n)
		}
		f, err := openRead(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && n > 0:
			return nil, fmt.Errorf("log file %q has been replaced", path)
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err == nil && st.Dev == r.dev && st.Ino == r.ino {
			return f, nil
		}
		f.Close()
	}
}
