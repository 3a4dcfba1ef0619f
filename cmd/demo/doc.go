// Demo shows what bulkhead does, live, in about 20 seconds: `make run`.
//
// It starts the real "bulkhead serve" with a small configuration whose workers
// process jobs, leak and balloon, and tells what happens as a story: what, to
// whom, when, and who saw to it, the kernel or bulkhead's own sampling. It asks
// the supervisor as any user would (control socket, "bulkhead ctl"), judges at
// the end whether everything that was to be seen was seen, and leaves nothing
// behind: exit status 0 says that all of this held, 130 that it was interrupted.
//
// The workers are this binary again ("demo worker"), so that no PHP is needed;
// they print the lines of Laravel's queue:work. It never enforces anything
// itself.
//
// Start reading in show.go.
package main
