package main

import (
	"fmt"
	"math"
	"strings"
)

// table is one metric in Markdown: a row for each peer that has it, a column
// for each number of instances; beside each value how it stands to bulkhead's.
func table(b book, m metric, peers []string) string {
	ns := b.ns(m.name, "")
	if len(ns) == 0 {
		return ""
	}
	var out strings.Builder
	title := m.title
	if m.unit != "" {
		title += ", " + m.unit
	}
	fmt.Fprintf(&out, "### %s\n\n", title)
	if m.note != "" {
		fmt.Fprintf(&out, "%s\n\n", m.note)
	}
	out.WriteString("| N |")
	for _, n := range ns {
		fmt.Fprintf(&out, " %s |", thousands(n))
	}
	out.WriteString("\n|---|" + strings.Repeat("---:|", len(ns)) + "\n")
	for _, peer := range peers {
		if len(b.ns(m.name, peer)) == 0 {
			continue
		}
		fmt.Fprintf(&out, "| %s |", peer)
		for _, n := range ns {
			fmt.Fprintf(&out, " %s |", cell(b.at(m.name, peer, n, m.share), b.at(m.name, own, n, m.share), peer == own))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// own is whose value the others are compared with.
const own = "bulkhead"

func cell(value, reference float64, isOwn bool) string {
	switch r := ratio(value, reference); {
	case math.IsNaN(value):
		return "–"
	case isOwn:
		return "**" + number(value) + "**"
	case math.IsNaN(r):
		return number(value)
	default:
		return number(value) + " (×" + number(r) + ")"
	}
}

// number has three digits that mean something.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return thousands(int(math.Round(v)))
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.005 || a == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.1g", v)
	}
}

// thousands groups digits by three.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
