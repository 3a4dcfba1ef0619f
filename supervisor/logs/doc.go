// Package logs is where the output of instances goes: it reads the pipes
// (Pump), writes files and rotates them as supervisord does (Set, Sink), and
// lets others read them (Tail, Set.Follow).
//
// What is read is written in the same order, unchanged and at once; a writer
// blocks nobody but the writers of the very same file. A file that cannot be
// written loses its output, never its reader: the loss is counted and told
// through Set.OnTrouble. The package logs nothing itself and knows nothing of
// programs.
//
// Invariant: one path, one open file, however many instances name it; its lock
// covers write, rotation, clear and reopen.
//
// Start reading at Set.Open, then file.write and Pump.run.
package logs
