package keeper

import (
	"slices"

	"golang.org/x/sys/unix"
)

// table is what is held, sorted by name: no map, for it is smaller.
type table []held

type held struct {
	name string
	fd   int32
}

// find takes bytes, for a comparison with them makes no string.
func (t table) find(name []byte) (int, bool) {
	return slices.BinarySearchFunc(t, name, func(h held, name []byte) int {
		switch {
		case h.name < string(name):
			return -1
		case h.name > string(name):
			return 1
		}
		return 0
	})
}

// put owns fd from here on. It reports whether the name is new.
func (t *table) put(name []byte, fd int) bool {
	i, there := t.find(name)
	if there {
		unix.Close(int((*t)[i].fd))
		(*t)[i].fd = int32(fd)
		return false
	}
	*t = slices.Insert(*t, i, held{string(name), int32(fd)})
	return true
}

func (t *table) drop(name []byte) {
	if i, there := t.find(name); there {
		unix.Close(int((*t)[i].fd))
		*t = slices.Delete(*t, i, i+1)
	}
}

// after appends the names that follow name, as many as fit into room.
func (t table) after(b, name []byte, room int) []byte {
	i, there := t.find(name)
	if there {
		i++
	}
	start := len(b)
	for _, h := range t[i:] {
		if len(b)-start+1+len(h.name) > room {
			break
		}
		if len(b) > start {
			b = append(b, 0)
		}
		b = append(b, h.name...)
	}
	return b
}
