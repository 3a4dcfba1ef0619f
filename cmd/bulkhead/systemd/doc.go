// Package systemd holds the tests of bulkhead where something else than a
// shell is above it: as the service that packaging/bulkhead.service describes
// and in a scope, under a real systemd (files *_systemd_test.go, which need to
// run as root on a machine of their own: `guest -init systemd`), and as process 1 of
// a container (*_kernel_test.go). It has no code of its own and decides nothing.
//
// Start reading at unit_test.go.
package systemd
