package main

import (
	"math"
	"slices"
)

// at is the value that a share of a sample does not exceed; between two values
// of the sample the nearer to the middle is not guessed: it is the upper one,
// for the middle of an even number the mean of both.
func at(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if share == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[min(int(float64(n)*share), n-1)]
}

// ratio is a over b; NaN when there is nothing to compare with.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
