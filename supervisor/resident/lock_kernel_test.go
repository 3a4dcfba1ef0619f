//go:build kernel

package resident

import "testing"

// What takes the right to raise limits to try.
func TestKernelLock(t *testing.T) {
	const neither = "-sys_resource,-ipc_lock"
	for _, c := range []lockCase{
		{"root", "ulimit -l 64", "-mknod", lockDone + lockRaised},
		{"may raise, may not lock", "ulimit -l 64", "-ipc_lock", lockDone + lockRaised},
		{"no limit", "ulimit -l unlimited", neither, lockDone + lockLeft},
		{"a soft limit", "ulimit -l unlimited && ulimit -S -l 64", neither, lockDone + lockRaised},
		{"a limit above all that is mapped at first", "ulimit -l 8000000", neither, lockRefused + lockLeft},
	} {
		c.run(t)
	}
}
