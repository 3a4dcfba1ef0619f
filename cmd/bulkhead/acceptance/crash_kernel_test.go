//go:build kernel

package acceptance_test

import "testing"

// The same where each replacement gets a cgroup with limits.
func TestKernelCrashToReplacement(t *testing.T) {
	onKernel(t)
	crashes(t, "require", 40)
}
