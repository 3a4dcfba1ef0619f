package logs

import (
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"
	"unsafe"
)

// The books are one sparse file, mapped as a whole. Numbers are the machine's own
// (it never leaves the machine). The parts grow on their own:
//
//	header      magic and version
//	entries     one per stream
//	taps        one per stream that is counted: twice what was counted, and which of the two holds
//	slots       64 KiB of output on its way, and before it the path it goes to
const (
	magic       = "bulkhead books 1\n"
	entriesAt   = 4 << 10
	entrySize   = 512
	entriesMost = 1 << 15
	tapsAt      = 32 << 20
	tapSize     = 1536
	tapsMost    = 1 << 15
	slotsAt     = 96 << 20
	slotHead    = 4 << 10 // PATH_MAX
	slotSize    = slotHead + chunkSize
	slotsMost   = 1 << 11
	booksMost   = slotsAt + slotsMost*slotSize
	growEntries = 64
	growTaps    = 32
	slotsAtRest = 4 // whose memory is kept while nothing needs it
	namesMost   = entrySize - entryNames
	stateOffset = 24
	tapHalf     = tapSize / 2
	noIntent    = ^uint64(0)
	headEntries = 64 // in the header: entries and taps that have their room
	headTaps    = 72
)

// StateMost is how many bytes of a parser's state are kept.
const StateMost = tapHalf - stateOffset

// Offsets in an entry. Each word is stored at once; what is more than a word
// is written aside and then chosen by one.
const (
	entryState  = 0  // 1, or 0 when nobody has it
	entryChosen = 8  // which stage record holds: 0 or 1
	entryStages = 16 // twice: slot (0 none), stream position of its start, end as an offset of the file
	entryDone   = 64 // stream position up to which everything is written
	entryIntent = 72 // the intent's start as a stream position, device, inode, size, length
	entryTap    = 112
	entryHalf   = 120 // which half of the tap holds
	entrySum    = 128 // of all that follows
	entryRun    = 136
	entryLens   = 144 // of program and instance, channel
	entryNames  = 152
)

// books is the mapped file.
type books []byte

func (b books) word(at int) *uint64 { return (*uint64)(unsafe.Pointer(&b[at])) }

func (b books) load(at int) uint64     { return atomic.LoadUint64(b.word(at)) }
func (b books) store(at int, v uint64) { atomic.StoreUint64(b.word(at), v) }

// entry is one stream's, by its offset in the file.
type entry struct {
	books
	at int
}

func (b books) entry(n int) entry { return entry{b, entriesAt + n*entrySize} }

func (e entry) get(field int) uint64    { return e.load(e.at + field) }
func (e entry) set(field int, v uint64) { e.store(e.at+field, v) }

// begin writes a fresh entry; its last store makes it valid.
func (e entry) begin(id StreamID) {
	clear(e.books[e.at+8 : e.at+entrySize])
	e.set(entryIntent, noIntent)
	p := e.books[e.at:]
	binary.NativeEndian.PutUint64(p[entryRun:], id.Run)
	binary.NativeEndian.PutUint16(p[entryLens:], uint16(len(id.Program)))
	binary.NativeEndian.PutUint16(p[entryLens+2:], uint16(len(id.Instance)))
	if id.Channel == "stderr" {
		p[entryLens+4] = 1
	}
	copy(p[entryNames:entrySize], id.Program+id.Instance)
	e.set(entrySum, e.sum())
	e.set(entryState, 1)
}

func (e entry) sum() uint64 {
	return uint64(crc32.ChecksumIEEE(e.books[e.at+entryRun:e.at+entrySize])) | 1<<32
}

// id is the stream's; false means that the entry is damaged.
func (e entry) id() (StreamID, bool) {
	if e.get(entrySum) != e.sum() {
		return StreamID{}, false
	}
	p := e.books[e.at : e.at+entrySize]
	program := int(binary.NativeEndian.Uint16(p[entryLens:]))
	instance := int(binary.NativeEndian.Uint16(p[entryLens+2:]))
	if program+instance > namesMost {
		return StreamID{}, false
	}
	names := p[entryNames:]
	id := StreamID{string(names[:program]), string(names[program : program+instance]), binary.NativeEndian.Uint64(p[entryRun:]), "stdout"}
	if p[entryLens+4] == 1 {
		id.Channel = "stderr"
	}
	return id, true
}

// stageRecord says which part of the stream lies in which slot.
type stageRecord struct {
	slot uint64 // counted from 1; 0 none
	base uint64 // stream position of the slot's first byte
	off  int64  // where the staged bytes end in the file; splice(2) sets it
}

func slotData(slot uint64) int { return slotsAt + int(slot-1)*slotSize + slotHead }

// end is the stream position up to which the FIFO has been emptied.
func (r stageRecord) end() uint64 {
	if r.slot == 0 {
		return r.base
	}
	return r.base + uint64(r.off) - uint64(slotData(r.slot))
}

func (e entry) stageAt() int { return e.at + entryStages + int(e.get(entryChosen)&1)*24 }

func (e entry) stage() stageRecord {
	at := e.stageAt()
	return stageRecord{e.load(at), e.load(at + 8), int64(e.load(at + 16))}
}

// offset is the word that splice(2) moves.
func (e entry) offset() *int64 { return (*int64)(unsafe.Pointer(&e.books[e.stageAt()+16])) }

// setStage changes to r at once.
func (e entry) setStage(r stageRecord) {
	other := e.get(entryChosen)&1 ^ 1
	at := e.at + entryStages + int(other)*24
	e.store(at, r.slot)
	e.store(at+8, r.base)
	e.store(at+16, uint64(r.off))
	e.set(entryChosen, other)
}

// intentRecord is a write about to happen, of the bytes from done on.
type intentRecord struct {
	dev, ino, size, length uint64
}

// intend makes r the intent; done moving on ends it.
func (e entry) intend(r intentRecord) {
	e.set(entryIntent, noIntent)
	for i, v := range [...]uint64{r.dev, r.ino, r.size, r.length} {
		e.set(entryIntent+8+8*i, v)
	}
	e.set(entryIntent, e.get(entryDone))
}

// intent returns the pending one.
func (e entry) intent() (r intentRecord, ok bool) {
	if e.get(entryIntent) != e.get(entryDone) {
		return r, false
	}
	for i, v := range [...]*uint64{&r.dev, &r.ino, &r.size, &r.length} {
		*v = e.get(entryIntent + 8 + 8*i)
	}
	return r, true
}

// tapRecord is what the tap said after the stream's first pos bytes.
type tapRecord struct {
	pos, count uint64
	state      []byte // in the mapping
}

func (e entry) tapped() bool { return e.get(entryTap) != 0 }

func (e entry) halfAt(half uint64) int {
	return tapsAt + int(e.get(entryTap)-1)*tapSize + int(half&1)*tapHalf
}

func (e entry) tap() tapRecord {
	if !e.tapped() {
		return tapRecord{}
	}
	at := e.halfAt(e.get(entryHalf))
	n := min(e.load(at+16), StateMost)
	return tapRecord{e.load(at), e.load(at + 8), e.books[at+stateOffset:][:n]}
}

func (e entry) setTap(r tapRecord) {
	half := e.get(entryHalf)&1 ^ 1
	at := e.halfAt(half)
	e.store(at, r.pos)
	e.store(at+8, r.count)
	n := copy(e.books[at+stateOffset:][:StateMost], r.state)
	e.store(at+16, uint64(n))
	e.set(entryHalf, half)
}
