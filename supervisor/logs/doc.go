// Package logs is where the output of instances goes: each stream of a run is a
// FIFO in the runtime directory (Streams), whose content a Pump moves to a file; files
// are rotated as supervisord does (Set, Sink) and others may read them (Tail, Set.Follow).
//
// What is read is written in the same order, unchanged and at once; a writer
// blocks nobody but the writers of the very same file. A file that cannot be
// written loses its output, never its reader: the loss is counted and told
// through Set.OnTrouble. The package logs nothing itself and knows nothing of
// programs.
//
// A kill or an exec of the supervisor, at any moment, loses no byte and writes none
// twice. The child has its end open for reading and writing, so it never gets EPIPE; while
// nobody reads, the FIFO takes 256 KiB (64 for other users than root), then the child waits. On
// its way to a file, output is staged in the books, a shared mapping of a file, which the
// page cache keeps when we die (stage.go says how a byte gets there). Before a
// write to a regular file its intent is noted: inode, size, length. A successor finds out from
// the file's content how much of the intent was carried out, finishes it, and goes on
// (Streams.mend). What the tap counted is committed with its state and the stream
// position it belongs to (Tap).
//
// An [Outlet] may have more than a log: a [Filter] that takes captures and escape
// sequences out, callbacks, syslog. A filter works on what is staged and leaves
// staged what it cannot decide yet, so a successor decides the same of the same bytes. Output of
// which nothing was taken out is logged as exactly as without a filter. Of the rest this holds
// over a kill or an exec: nothing is lost; a chunk (64 KiB at most) of which something was taken
// out is logged twice when the kill comes between its write and the note of it; OnOutput and
// OnCaptured may tell the last chunk twice. A capture of more than 32 KiB under way has its
// beginning in memory: what had been read of it is lost, and the rest of it is
// logged as text. Lines for syslog are sent at most once, unless they are part of such a
// chunk, and one that was not whole loses its beginning.
//
// Where this cannot hold: a target without a size ("-", a fifo, a terminal) gets a write
// once more whose end nobody noted, as does a log that somebody replaced or truncated at
// that very moment; a program that is not ours and appends the very same bytes there is taken
// for us; while the runtime directory's disk is full, output passes through memory. Who
// truncates the books under our feet kills us.
//
// Invariants: one path, one open file, however many instances name it; its lock
// covers intent, write, rotation, clear and reopen, so that of all intents for a file one at most is
// pending. One number, stored at once, ends a step in the books; what is larger is
// written aside first. Taps have seen at least what is written, and staged is all that
// they or the log may still need.
//
// Start reading at Set.Open, then file.write, Pump.run, Pump.put and stage.fill; layout.go has the books.
package logs
