package conf

import "slices"

// nearest returns the candidate that wanted was probably meant to be, or "".
// A third of its letters may be wrong; ties go to the first by name.
func nearest(wanted string, candidates []string) string {
	slices.Sort(candidates)
	best, limit := "", max(1, min(len(wanted), 24)/3)+1
	for _, c := range candidates {
		if d := distance(wanted, c, limit); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance is the Damerau-Levenshtein distance (adjacent letters swapped count
// once), or at least limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}
