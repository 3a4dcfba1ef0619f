package supervisorctl

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Topics prints words under a ruled header in columns, as Python's cmd does.
func Topics(w io.Writer, header string, words []string) {
	fmt.Fprintf(w, "\n%s\n%s\n", header, strings.Repeat("=", utf8.RuneCountInString(header)))
	for _, row := range columns(words, 79) {
		fmt.Fprintln(w, row)
	}
	fmt.Fprintln(w)
}

// columns lays words out column by column, in as few rows as fit into width.
func columns(words []string, width int) []string {
	rows := 1
	widths := columnWidths(words, rows)
	for total(widths) > width && rows < len(words) {
		rows++
		widths = columnWidths(words, rows)
	}
	lines := make([]string, 0, rows)
	for r := range min(rows, len(words)) {
		var cells []string
		for col, w := range widths {
			if i := r + rows*col; i < len(words) {
				cells = append(cells, fmt.Sprintf("%-*s", w, words[i]))
			}
		}
		lines = append(lines, strings.Join(cells, "  "))
	}
	return lines
}

func columnWidths(words []string, rows int) []int {
	var widths []int
	for i, w := range words {
		if i%rows == 0 {
			widths = append(widths, 0)
		}
		col := i / rows
		widths[col] = max(widths[col], utf8.RuneCountInString(w))
	}
	return widths
}

func total(widths []int) int {
	sum := -2
	for _, w := range widths {
		sum += w + 2
	}
	return sum
}
