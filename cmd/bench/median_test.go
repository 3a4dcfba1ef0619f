package main

import (
	"math"
	"testing"
)

func TestAt(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i) // 100 … 1: the order is not given
	}
	for _, c := range []struct {
		values      []float64
		share, want float64
	}{
		{[]float64{3}, 0.5, 3},
		{[]float64{3}, 0.99, 3},
		{[]float64{9, 1, 5}, 0.5, 5},
		{[]float64{9, 1, 5, 7}, 0.5, 6},
		{[]float64{9, 1}, 0.99, 9},
		{hundred, 0.5, 50.5},
		{hundred, 0.99, 100},
		{hundred, 1, 100},
		{hundred, 0, 1},
	} {
		if got := at(c.values, c.share); got != c.want {
			t.Errorf("at(%v, %v) = %v, want %v", c.values, c.share, got, c.want)
		}
	}
	if got := at(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
	if hundred[0] != 100 {
		t.Error("the sample was sorted in place")
	}
}

func TestRatio(t *testing.T) {
	if got := ratio(6, 4); got != 1.5 {
		t.Errorf("6 to 4: %v", got)
	}
	for _, b := range []float64{0, math.NaN()} {
		if got := ratio(6, b); !math.IsNaN(got) {
			t.Errorf("6 to %v: %v", b, got)
		}
	}
}
