package logs

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// chunkSize is how much is read at once.
const chunkSize = 64 << 10

// chunks serve stages that find no room in the books.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// errHeld says that the books have no room for more, while something is staged.
var errHeld = errors.New("the books have no room")

// stage is where a stream's output is between FIFO and log: in a slot of the
// books. splice(2) moves it there, and the same call sets the entry's offset
// (off_out), so that a kill at any moment leaves each byte either in the FIFO or staged.
// (The kernel takes from a pipe what the write took, under the pipe's lock:
// iter_file_splice_write, fs/splice.c, Linux 3.16 on.)
//
// While the books cannot grow (a full disk) memory serves; a kill loses that.
type stage struct {
	s *Streams
	e entry

	slot  uint64 // 0: in memory
	path  string // the slot's head has it
	chunk *[chunkSize]byte
	buf   []byte // nil while nothing is staged
	from  int    // buf[from:to] is staged
	to    int
	torn  bool // the log has lost the beginning of the line that goes on
}

func (g *stage) data() []byte { return g.buf[g.from:g.to] }
func (g *stage) empty() bool  { return g.from == g.to }

// step is a place where tests die.
func (g *stage) step(name string) {
	if g.s.at != nil {
		g.s.at(name)
	}
}

// fill moves what the pipe has to the stage and returns it: unix.EAGAIN when there is
// nothing now, io.EOF when there will be nothing more.
func (g *stage) fill(fd int) ([]byte, error) {
	if g.buf == nil {
		g.take()
	}
	n, err := g.move(fd)
	if err != nil && err != unix.EAGAIN && g.slot != 0 {
		if !g.empty() {
			return nil, errHeld
		}
		g.settle()
		g.takeMemory()
		n, err = g.move(fd)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	if err != nil {
		if g.empty() {
			g.settle()
		}
		return nil, err
	}
	g.to += n
	g.step("staged")
	return g.buf[g.to-n : g.to], nil
}

func (g *stage) move(fd int) (n int, err error) {
	for {
		if g.slot != 0 {
			var n64 int64
			n64, err = unix.Splice(fd, nil, g.s.fd, g.e.offset(), len(g.buf)-g.to, unix.SPLICE_F_NONBLOCK)
			n = int(n64)
		} else {
			n, err = unix.Read(fd, g.buf[g.to:])
			if err == nil {
				// Not staged for a successor: passed.
				end := g.e.get(entryDone) + uint64(n)
				g.e.setStage(stageRecord{base: end})
				g.e.set(entryDone, end)
			}
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func (g *stage) take() {
	g.s.mu.Lock()
	g.slot = g.s.slots.take()
	g.path = g.s.slots.paths[g.slot]
	g.s.mu.Unlock()
	if g.slot == 0 {
		g.takeMemory()
		return
	}
	at := slotData(g.slot)
	g.e.setStage(stageRecord{g.slot, g.e.stage().end(), int64(at)})
	g.buf, g.from, g.to = g.e.books[at:][:chunkSize], 0, 0
}

func (g *stage) takeMemory() {
	g.chunk = chunks.Get().(*[chunkSize]byte)
	g.buf, g.from, g.to = g.chunk[:], 0, 0
}

// resume takes over what an earlier supervisor has staged.
func (g *stage) resume() {
	r := g.e.stage()
	if r.slot == 0 {
		return
	}
	at := slotData(r.slot)
	g.slot, g.path = r.slot, ""
	g.buf = g.e.books[at:][:chunkSize]
	g.from, g.to = int(g.e.get(entryDone)-r.base), int(r.off)-at
}

// settle is called when what can be written has been: it gives back an empty
// stage, and makes room behind what is held.
func (g *stage) settle() {
	rest := g.to - g.from
	switch {
	case g.buf == nil:
		return
	case rest > 0:
		if g.from < rest || g.to < len(g.buf)-holdSize {
			return
		}
		// The bytes that this overwrites are written.
		copy(g.buf, g.data())
		if g.slot != 0 {
			g.step("moved")
			g.e.setStage(stageRecord{g.slot, g.e.get(entryDone), int64(slotData(g.slot) + rest)})
		}
		g.from, g.to = 0, rest
		return
	case g.slot != 0:
		g.e.setStage(stageRecord{base: g.e.get(entryDone)})
		g.step("settled")
		g.s.mu.Lock()
		g.s.slots.paths[g.slot] = g.path
		g.s.slots.give(g.slot)
		g.s.mu.Unlock()
	default:
		chunks.Put(g.chunk)
	}
	g.buf, g.chunk, g.slot, g.from, g.to = nil, nil, 0, 0, 0
}

// intend notes that the next n staged bytes are about to be appended to f. When it cannot, a
// kill before they are noted as written makes the successor write them again.
func (g *stage) intend(f *file, n int) {
	if g == nil || g.slot == 0 {
		return
	}
	if g.path != f.id {
		if !g.writePath(f.id) {
			return
		}
		g.path = f.id
	}
	// Appending does not care for the offset that this moves.
	size, err := f.w.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	g.e.intend(intentRecord{f.dev, f.ino, uint64(size), uint64(n)})
	g.step("intended")
}

// done notes that the next n staged bytes are written, or lost.
func (g *stage) done(n int) {
	if g == nil {
		return
	}
	g.from += n
	if g.slot != 0 {
		g.step("written")
		g.e.set(entryDone, g.e.get(entryDone)+uint64(n))
		g.step("noted")
	}
}

// tapInto returns what gives tap the bytes that it has not seen, and commits what it says.
func (g *stage) tapInto(tap Tap) func(chunk []byte) {
	return func(chunk []byte) {
		count, state := tap(chunk)
		if len(state) > StateMost {
			state = nil
		}
		g.step("tapped")
		g.e.setTap(tapRecord{g.e.stage().end(), count, state})
		g.step("counted")
	}
}

// untapped is the staged part that no tap has seen.
func (g *stage) untapped() []byte {
	if g.slot == 0 || !g.e.tapped() {
		return nil
	}
	pos, end := g.e.tap().pos, g.e.stage().end()
	return g.buf[g.to-int(min(end-min(pos, end), uint64(g.to-g.from))) : g.to]
}
