package main

import "fmt"

// lane is where the command runs.
type lane string

const (
	laneAny    lane = ""       // wherever it can
	laneDirect lane = "direct" // on this machine
	laneGuest  lane = "guest"  // in a virtual machine
)

// chooseLane settles the lane: why is nil where this machine's own cgroup
// tree will do, else what it lacks. The virtual machine exists for amd64 only.
func chooseLane(asked lane, why error, arch string) (lane, error) {
	switch {
	case asked == laneDirect && why != nil:
		return "", fmt.Errorf("cannot run on this machine: %v", why)
	case asked != laneGuest && why == nil:
		return laneDirect, nil
	case arch != "amd64":
		reason := "-guest was given"
		if why != nil {
			reason = why.Error()
		}
		return "", fmt.Errorf("cannot boot a virtual machine on %s, amd64 only (needed because %s)", arch, reason)
	default:
		return laneGuest, nil
	}
}
