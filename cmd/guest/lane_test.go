package main

import (
	"errors"
	"strings"
	"testing"
)

func TestChooseLane(t *testing.T) {
	lacking := errors.New("no memory controller")
	for _, tt := range []struct {
		asked lane
		why   error
		arch  string
		want  lane
		err   string
	}{
		{laneAny, nil, "amd64", laneDirect, ""},
		{laneAny, nil, "arm64", laneDirect, ""},
		{laneAny, lacking, "amd64", laneGuest, ""},
		{laneAny, lacking, "arm64", "", "amd64 only (needed because no memory controller)"},
		{laneDirect, nil, "amd64", laneDirect, ""},
		{laneDirect, lacking, "amd64", "", "cannot run on this machine: no memory controller"},
		{laneGuest, nil, "amd64", laneGuest, ""},
		{laneGuest, nil, "arm64", "", "amd64 only (needed because -guest was given)"},
		{laneGuest, lacking, "amd64", laneGuest, ""},
	} {
		got, err := chooseLane(tt.asked, tt.why, tt.arch)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("chooseLane(%q, %v, %s) = %q, %v; want %q, %q", tt.asked, tt.why, tt.arch, got, err, tt.want, tt.err)
		}
	}
}
