package programs

// Unlimited is "max" in the kernel's files.
const Unlimited = int64(1<<63 - 1)

// Wire is a run's memory.high while max_memory uses it as an event source.
// Amounts in bytes.
type Wire struct {
	Line int64 // max_memory
	High int64 // the user's own memory_high, Unlimited when there is none
	Max  int64 // memory_max, Unlimited when there is none
	At   int64 // where memory.high stands now
}

// wireStep keeps the wire off the usage, so that a page of cache more does not
// fire it again at once. The kernel tells a crossing as late as it takes the run to grow by so
// much: a sixteenth of a second at 1 MB/s.
const wireStep = 64 << 10

// Arm returns where memory.high stands when a run is born.
func (w Wire) Arm() int64 { return min(w.Line, w.High) }

// Verdict is what a memory event means.
type Verdict struct {
	Over   bool  // the measure is over the line: recycle
	MoveTo int64 // else where memory.high goes; 0: it stays
}

// Judge reads a memory event. measure is what only the process can give back,
// cache what the kernel can take back by itself. Over the line is over the
// line; otherwise it was cache that fired the wire, and the wire moves up by
// as much, so that the same cache neither fires it again nor slows the worker.
// Cache that went away lets it come down again.
func (w Wire) Judge(measure, cache int64) Verdict {
	if measure >= w.Line {
		return Verdict{Over: true}
	}
	to := min(w.Line+cache+wireStep, w.High)
	if to >= w.Max {
		to = w.High // the kernel reclaims at memory.max anyway, and tells (event max)
	}
	if diff := to - w.At; -wireStep < diff && diff < wireStep {
		return Verdict{}
	}
	return Verdict{MoveTo: to}
}
