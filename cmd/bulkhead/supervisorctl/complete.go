package supervisorctl

import (
	"context"
	"slices"
	"strings"
)

// takes says what a verb's arguments are completed with.
var takes = map[string]func(*Controller, string) []string{
	"help": func(*Controller, string) []string { return append([]string{"help"}, Verbs()...) },
	"add":  (*Controller).groupNames, "remove": (*Controller).groupNames, "update": (*Controller).groupNames,
	"clear": (*Controller).processNames, "fg": (*Controller).processNames, "pid": (*Controller).processNames,
	"restart": (*Controller).processNames, "signal": (*Controller).processNames, "start": (*Controller).processNames,
	"status": (*Controller).processNames, "stop": (*Controller).processNames, "tail": (*Controller).processNames,
}

// Complete is the Completer of supervisorctl's shell.
func (c *Controller) Complete(line string, pos int) (head string, found []string, tail string) {
	return CompleteWord(line, pos, takes["help"](c, ""), func(verb, word string) []string {
		if names, ok := takes[verb]; ok {
			return names(c, word)
		}
		return nil
	})
}

// CompleteWord completes the word before pos: the first of a line is one of
// verbs, the others are what args says.
func CompleteWord(line string, pos int, verbs []string, args func(verb, word string) []string) (head string, found []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	start := strings.LastIndexAny(before, " \t") + 1
	head, word := before[:start], before[start:]
	candidates := verbs
	if words := strings.Fields(head); len(words) > 0 {
		candidates = args(words[0], word)
	}
	for _, name := range candidates {
		if strings.HasPrefix(name, word) {
			found = append(found, name+" ")
		}
	}
	return head, found, tail
}

// known are the processes, asked for once between two commands: one press of
// Tab may ask many times.
func (c *Controller) known() []process {
	if c.names == nil {
		c.names, _ = c.processes(context.Background()) // nobody to ask, nothing to offer
	}
	return c.names
}

func (c *Controller) groupNames(string) []string {
	var names []string
	for _, p := range c.known() {
		if !slices.Contains(names, p.group) {
			names = append(names, p.group)
		}
	}
	return names
}

func (c *Controller) processNames(word string) []string {
	var names []string
	for _, p := range c.known() {
		names = AppendNames(names, word, p.group, p.name)
	}
	return names
}

// AppendNames appends what a process is offered as: its name, or with its
// group in front and then the whole group once too.
func AppendNames(names []string, word, group, name string) []string {
	if !strings.Contains(word, ":") && name == group {
		return append(names, name)
	}
	names = append(names, group+":"+name)
	if all := group + ":*"; !slices.Contains(names, all) {
		names = append(names, all)
	}
	return names
}
