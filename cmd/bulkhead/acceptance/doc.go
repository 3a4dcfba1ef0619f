// Package acceptance holds the tests that run bulkhead as its users do: the
// built program with `serve`, its socket, and real workers under it. They look
// at it from outside, through [bulkhead/supervisor/control] and /proc; nothing
// here is imported by anything.
//
// sampling_test.go runs on any machine. The kernel tests need cgroup v2 with
// the memory controller, php with the packages that testdata/laravel/README.md
// builds on, and redis-server; BULKHEAD_BIN names the program they run. Their
// figures are the lines that start with "figure: ".
//
// Start reading at serve_test.go, then pool_kernel_test.go.
package acceptance
