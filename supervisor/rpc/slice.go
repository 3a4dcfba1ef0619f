package rpc

// readRange says which bytes of a log of that size readLog returns, from and up to;
// ok is false for arguments that mean nothing. A negative offset counts from the end and
// goes with length 0 alone; length 0 means up to the end.
func readRange(size, offset, length int64) (from, to int64, ok bool) {
	switch {
	case offset < 0 && length != 0, length < 0:
		return 0, 0, false
	case offset < 0:
		return max(0, size+offset), size, true
	case length == 0:
		return min(offset, size), size, true
	}
	return min(offset, size), min(offset+length, size), true
}

// tailRange says which bytes of a log of that size tailLog returns. There was more
// than the caller knew of when the log goes on beyond offset+length: then it gets the
// last length bytes, and overflow says that some lie between.
func tailRange(size, offset, length int64) (from, to int64, overflow bool) {
	if size > offset+length {
		overflow = true
		offset = size - 1
	}
	if offset+length > size {
		if offset > size-1 {
			length = 0
		}
		offset = size - length
	}
	offset, length = max(offset, 0), max(length, 0)
	return offset, min(offset+length, size), overflow
}
