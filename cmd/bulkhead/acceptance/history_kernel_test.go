//go:build kernel

package acceptance_test

import "testing"

// The same where the kernel counts a program's memory by its cgroup.
func TestKernelHistory(t *testing.T) {
	onKernel(t)
	recorded(t, "require")
}
