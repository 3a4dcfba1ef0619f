package logs

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Position is where a [Follower] is: the next byte that it reads. It holds
// across rotation and for another process, as long as the file exists.
type Position struct {
	Path   string `json:"path"`
	Dev    uint64 `json:"dev"`
	Inode  uint64 `json:"inode"`
	Born   int64  `json:"born"` // nanoseconds since 1970; 0: the file system does not say
	Offset int64  `json:"offset"`
	Lost   bool   `json:"lost,omitempty"` // the follower was to resume where there is nothing any more
}

// fileID tells a file from all others, also from one that has got the inode
// number of a file that was removed (ext4 gives it to the next one at once).
type fileID struct {
	dev, inode uint64
	born       int64
}

// idOf asks statx(2) (Linux 4.11).
func idOf(f *os.File) (fileID, error) {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	if err != nil {
		return fileID{}, err
	}
	id := fileID{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return id, nil
}

// Position returns where the next Read begins, a [Position]. It may not be
// called during a Read.
func (w *Follower) Position() any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Position{Path: w.f.path, Dev: w.id.dev, Inode: w.id.inode, Born: w.id.born, Offset: w.at, Lost: w.lost}
}

// Resume returns a follower that goes on at a position which another had,
// whatever was rotated meanwhile. An offset behind the end of a rotated file means as
// many bytes into those after it. A file that is gone (cleared, or rotated out of
// reach) is followed by the log itself, as for [Set.Follow]; the position of
// the new follower then says that lines are lost.
func (s *Set) Resume(ctx context.Context, at Position) (*Follower, error) {
	return s.follow(ctx, at.Path, func(w *Follower) error { return w.resume(at) })
}

func (w *Follower) resume(at Position) error {
	info, err := w.find(fileID{at.Dev, at.Inode, at.Born})
	if err != nil {
		return err
	}
	if info == nil {
		w.lost = true
		_, err := w.open(w.f.path)
		return err
	}
	w.at = at.Offset
	for w.at > info.Size() {
		next, ok := w.f.successor(info)
		if !ok {
			break // truncated: advance begins anew
		}
		rest := w.at - info.Size()
		if info, err = w.open(next); err != nil {
			return err
		}
		w.at = rest
	}
	return nil
}

// find opens the file of an id, the log or a rotated one; nil when there is
// none. Somebody else may be rotating: a file renamed past the search is found
// by the next.
func (w *Follower) find(id fileID) (fs.FileInfo, error) {
	for range 3 {
		for n := 0; ; n++ {
			info, err := w.open(w.f.backup(n))
			if err == nil && w.id == id {
				return info, nil
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if err != nil && n > 0 {
				break
			}
		}
	}
	return nil, nil
}
