package main

import (
	"maps"
	"slices"
)

// entry is what a value was measured of: a peer with n instances.
type entry struct {
	metric, peer string
	n            int
}

// book is everything that was measured, of all rounds.
type book map[entry][]float64

func (b book) add(metric, peer string, n int, value float64) {
	e := entry{metric, peer, n}
	b[e] = append(b[e], value)
}

// at is a value of a sample, NaN if there is none.
func (b book) at(metric, peer string, n int, share float64) float64 {
	return at(b[entry{metric, peer, n}], share)
}

func (b book) median(metric, peer string, n int) float64 { return b.at(metric, peer, n, 0.5) }

// ns are the numbers of instances that a metric was measured at; peer "" any.
func (b book) ns(metric, peer string) []int {
	set := map[int]bool{}
	for e := range b {
		if e.metric == metric && (peer == "" || e.peer == peer) {
			set[e.n] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// worst is the largest value of a sample over all numbers of instances, and at
// which.
func (b book) worst(metric, peer string, share float64) (value float64, n int) {
	for _, k := range b.ns(metric, peer) {
		if v := b.at(metric, peer, k, share); n == 0 || v > value {
			value, n = v, k
		}
	}
	return value, n
}
