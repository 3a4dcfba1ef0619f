package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// paper is what the story is written on.
type paper struct {
	out    io.Writer
	width  int
	colour bool
}

// newPaper fits the terminal, or 80 columns where there is none.
func newPaper(f *os.File) *paper {
	p := &paper{out: f, width: 80}
	if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
		p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if size.Col > 0 {
			p.width = min(max(int(size.Col), 60), 110)
		}
	}
	return p
}

// ink is how a text looks; plain on paper without colours.
type ink string

const (
	plain ink = ""
	bold  ink = "1"
	dim   ink = "2"
	red   ink = "31"
	green ink = "32"
	amber ink = "33"
)

func (p *paper) paint(i ink, text string) string {
	if !p.colour || i == plain || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// say writes a paragraph, wrapped and indented.
func (p *paper) say(i ink, indent int, text string) {
	for _, line := range wrap(text, p.width-indent) {
		fmt.Fprintln(p.out, strings.Repeat(" ", indent)+p.paint(i, line))
	}
}

// item writes a paragraph that hangs from its first words.
func (p *paper) item(i ink, indent int, lead, text string) {
	hang := indent + len([]rune(lead))
	for n, line := range wrap(text, p.width-hang) {
		if n > 0 {
			lead = strings.Repeat(" ", hang-indent)
		}
		fmt.Fprintln(p.out, strings.Repeat(" ", indent)+p.paint(i, lead)+line)
	}
}

// title opens a section.
func (p *paper) title(text string) {
	fmt.Fprintln(p.out)
	p.say(bold, 0, text)
}

// verbatim writes lines as they are.
func (p *paper) verbatim(text string) { fmt.Fprintln(p.out, text) }

// whoWidth is the column of names in the story.
const whoWidth = 16

// tell writes a line of the story: when, who, what, and where that came from.
func (p *paper) tell(at time.Duration, who string, i ink, what, from string) {
	const indent = 8 + 2 + whoWidth + 2
	head := fmt.Sprintf("%7.1fs  %-*s  ", max(at, 0).Seconds(), whoWidth, who)
	for n, line := range wrap(what, p.width-indent) {
		if n > 0 {
			head = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(p.out, head+p.paint(i, line))
	}
	if from == "" {
		return
	}
	for n, line := range wrap(from, p.width-indent-4) {
		lead := "by: "
		if n > 0 {
			lead = "    "
		}
		fmt.Fprintln(p.out, strings.Repeat(" ", indent)+p.paint(dim, lead+line))
	}
}

// wrap cuts a text at blanks into lines of at most width runes; a longer word
// has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		w := len([]rune(word))
		if n > 0 && n+1+w > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+w
	}
	return append(lines, line)
}
