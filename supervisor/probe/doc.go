// Package probe asks a program whether it does its work: by HTTP, by a connection,
// by a command. It decides nothing: an answer is nil or says in a few words what
// was wrong, fit for a status line. Every question ends with its context, whatever
// the other side does, and holds a bounded amount of memory.
package probe
