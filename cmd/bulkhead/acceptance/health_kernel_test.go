//go:build kernel

package acceptance_test

import "testing"

// What is asked for health's sake, where the kernel holds the limits.
func TestKernelUnhealthyServer(t *testing.T) {
	onKernel(t)
	unhealthyServer(t, "require")
}

// Scores are kept where only the slow sampler looks.
func TestKernelOOMScoreIsKept(t *testing.T) {
	onKernel(t)
	keepsScores(t, "require")
}
