package state

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	stateFile   = "state"
	newFile     = "state.new"
	damagedFile = "state.damaged"

	// compactAt plus twice the snapshot is how large the file may become.
	compactAt = 1 << 20
	// keepBuffer is the largest buffer that is kept between two writes.
	keepBuffer = 4 << 10
)

// disk is the documents and the file that holds them. One goroutine's.
type disk struct {
	k         kernel
	dir, boot string

	docs    map[string]string   // compact JSON by key
	dirty   map[string]struct{} // keys whose change is not in the file
	invalid map[string]error    // keys whose newest value cannot be marshalled
	buf     []byte

	roomy   int64  // compactAt; less in tests
	fd      int    // of the file, O_APPEND; -1: none yet
	dev     uint64 // what fd is
	ino     uint64
	size    int64 // of what is sound in it
	base    int64 // size of the snapshot it begins with
	whole   bool  // only a snapshot will do: who knows what the tail is
	renew   bool  // the file will do, a snapshot is due all the same
	short   int   // appends in a row that found no room
	damaged bool  // the file in place is to be kept aside
}

func newDisk(k kernel, dir, boot string, damaged bool) disk {
	return disk{
		k: k, dir: dir, boot: boot, roomy: compactAt, fd: -1, whole: true, damaged: damaged,
		docs: map[string]string{}, dirty: map[string]struct{}{}, invalid: map[string]error{},
	}
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

// set changes a document in memory; write brings it to the file.
func (d *disk) set(key string, v any) {
	value, err := marshal(key, v)
	if err != nil {
		d.invalid[key] = err
		return
	}
	delete(d.invalid, key)
	if d.docs[key] == value {
		return // already so, or already dirty with this value
	}
	d.dirty[key] = struct{}{}
	if value == "" {
		delete(d.docs, key)
	} else {
		d.docs[key] = value
	}
}

// unwritten reports whether the file lacks a change.
func (d *disk) unwritten() bool { return d.fd < 0 || len(d.dirty) > 0 }

// refused is the first, by key, of the values that cannot be marshalled.
func (d *disk) refused() error {
	for _, key := range slices.Sorted(maps.Keys(d.invalid)) {
		return d.invalid[key]
	}
	return nil
}

// write brings the file up to date: by an append where that will do, and by a
// whole snapshot where it will not, or has made the file too large. On error the file in place holds the old or the new value of
// every document, and unwritten tells whether some are old.
func (d *disk) write() error {
	if !d.whole && len(d.dirty) > 0 {
		if err := d.append(); err != nil {
			return err
		}
	}
	if d.whole || d.renew || d.short > 1 || d.size > d.roomy+2*d.base {
		return d.snapshot()
	}
	return nil
}

// inPlace reports whether the file at the path is still ours as we left it:
// somebody may have removed the directory, or a byte of the file.
func (d *disk) inPlace() bool {
	var st unix.Stat_t
	return unix.Lstat(d.path(stateFile), &st) == nil && st.Dev == d.dev && st.Ino == d.ino && st.Size == d.size
}

// append writes the changes behind the file, and cuts off again what an error
// leaves of them. It leaves them to a snapshot, and returns nil, when the file
// is not there any more, and when there was no room for the second time: then
// a snapshot may be smaller than what it replaces.
func (d *disk) append() error {
	if !d.inPlace() {
		d.whole = true
		return nil
	}
	b := d.buf[:0]
	for _, key := range slices.Sorted(maps.Keys(d.dirty)) {
		b = appendLine(b, key, d.docs[key])
	}
	w := fdWriter{write: d.k.write, fd: d.fd}
	_, err := w.Write(b)
	if d.buf = b[:0]; cap(b) > keepBuffer {
		d.buf = nil
	}
	if err == nil {
		d.size += w.n
		d.clean()
		return nil
	}
	d.k.truncate(d.fd, d.size) // when this fails too, inPlace will say so
	// A full disk takes a line again long before it takes a snapshot, so the
	// same file will do. After any other error (EIO) who knows what of it is sound.
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		d.whole = true
	} else if d.short++; d.short > 1 {
		return nil
	}
	return fmt.Errorf("cannot write %q: %w", d.path(stateFile), err)
}

// clean notes that the file holds all documents.
func (d *disk) clean() {
	if len(d.dirty) > 64 {
		d.dirty = map[string]struct{}{} // a cleared map keeps its size
	}
	clear(d.dirty)
	d.short = 0
}

// snapshot replaces the file by one that holds nothing but the documents. Until
// the new one is complete and on the disk the old one stays in place.
func (d *disk) snapshot() error {
	fd, err := d.create()
	if err != nil {
		return err
	}
	size, err := d.fill(fd)
	var aside error
	if err == nil {
		aside = d.keepDamaged()
		if err = d.k.rename(d.path(newFile), d.path(stateFile)); err != nil {
			err = fmt.Errorf("cannot rename %q to %q: %w", d.path(newFile), d.path(stateFile), err)
		}
	}
	if err != nil {
		unix.Close(fd)
		d.k.unlink(d.path(newFile)) // it may be what fills the disk
		return errors.Join(err, aside)
	}
	d.close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		st = unix.Stat_t{} // then inPlace says no
	}
	d.fd, d.dev, d.ino = fd, st.Dev, st.Ino
	d.size, d.base = size, size
	d.clean()
	d.whole, d.renew = false, true
	if err := d.syncDir(); err != nil {
		return errors.Join(err, aside)
	}
	d.renew = false
	return aside
}

// create opens the new file, in a directory made again if need be.
func (d *disk) create() (int, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND | unix.O_NOFOLLOW
	path := d.path(newFile)
	fd, err := d.k.open(path, flags)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(d.k, d.dir, 0o700); err != nil {
			return -1, err
		}
		fd, err = d.k.open(path, flags)
	}
	if err != nil {
		return -1, fmt.Errorf("cannot open %q: %w", path, err)
	}
	return fd, nil
}

// fill writes all documents to fd and waits until the disk has them.
func (d *disk) fill(fd int) (int64, error) {
	w := &fdWriter{write: d.k.write, fd: fd}
	if err := encode(w, d.boot, d.docs); err != nil {
		return 0, fmt.Errorf("cannot write %q: %w", d.path(newFile), err)
	}
	if err := d.k.fsync(fd); err != nil {
		return 0, fmt.Errorf("cannot fsync %q: %w", d.path(newFile), err)
	}
	return w.n, nil
}

// keepDamaged gives the file in place a second name before it loses the first.
// It is not worth a state that is never written again: the error is told, once.
func (d *disk) keepDamaged() error {
	if !d.damaged {
		return nil
	}
	d.damaged = false
	err := d.k.unlink(d.path(damagedFile))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = d.k.link(d.path(stateFile), d.path(damagedFile))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot keep damaged state as %q: %w", d.path(damagedFile), err)
	}
	return nil
}

// syncDir makes the rename last. A file system that knows no such thing says EINVAL.
func (d *disk) syncDir() error {
	fd, err := d.k.open(d.dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("cannot open %q: %w", d.dir, err)
	}
	defer unix.Close(fd)
	if err := d.k.fsync(fd); err != nil && err != unix.EINVAL {
		return fmt.Errorf("cannot fsync %q: %w", d.dir, err)
	}
	return nil
}

// close closes the file. Nothing is buffered here, so nothing is lost.
func (d *disk) close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
		d.fd = -1
	}
}
