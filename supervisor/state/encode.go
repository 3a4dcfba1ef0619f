package state

import (
	"io"
	"maps"
	"slices"
)

// chunk is how much of a snapshot goes into one write(2).
const chunk = 64 << 10

// Encode writes docs as [Load] and [Decode] read them: a snapshot, sorted by
// key. Documents that are null in JSON are left out. Nothing is written when
// one cannot be marshalled; a write error may leave w with a part.
func Encode(w io.Writer, bootID string, docs map[string]any) error {
	values := make(map[string]string, len(docs))
	for key, v := range docs {
		value, err := marshal(key, v)
		if err != nil {
			return err
		}
		values[key] = value
	}
	return encode(w, bootID, values)
}

// encode writes values, of which "" is none, in a few large writes.
func encode(w io.Writer, bootID string, values map[string]string) error {
	buf := header(bootID)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] == "" {
			continue
		}
		buf = appendLine(buf, key, values[key])
		if len(buf) >= chunk {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err := w.Write(append(buf, header(bootID)...))
	return err
}
