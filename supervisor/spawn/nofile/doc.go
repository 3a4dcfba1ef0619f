// Package nofile remembers RLIMIT_NOFILE as the process was born with it.
//
// Package syscall raises the soft limit to the hard one in its init and keeps
// the old value to itself. This package reads it before: it imports nothing
// but unsafe, and Go initialises packages in the order of their import path
// as soon as their imports are done (The Go Programming Language
// Specification, "Program initialization"), so that it comes before syscall,
// which sorts after it. It must stay free of imports.
//
// It never changes a limit.
package nofile
