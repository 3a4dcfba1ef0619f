package supervisorctl

import (
	"context"
	"slices"
	"strings"
)

// Member is a process by its group and its own name.
type Member struct{ Group, Name string }

// grouped are the verbs that take groups.
var grouped = []string{"add", "remove", "update"}

// named are the verbs that take processes.
var named = []string{"clear", "fg", "pid", "restart", "signal", "start", "status", "stop", "tail"}

// Complete is the Completer of supervisorctl's shell.
func (c *Controller) Complete(line string, pos int) (head string, found []string, tail string) {
	verbs := append([]string{"help"}, Verbs()...)
	return CompleteWord(line, pos, verbs, func(verb, word string) []string {
		switch {
		case verb == "help":
			return verbs
		case slices.Contains(grouped, verb):
			return GroupNames(c.known())
		case slices.Contains(named, verb):
			return ProcessNames(c.known(), word)
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
func (c *Controller) known() []Member {
	if c.names == nil {
		c.names, _ = c.Members(context.Background()) // nobody to ask, nothing to offer
	}
	return c.names
}

// Members asks the server what processes there are.
func (c *Controller) Members(ctx context.Context) ([]Member, error) {
	all, err := c.processes(ctx)
	var members []Member
	for _, p := range all {
		members = append(members, Member{p.group, p.name})
	}
	return members, err
}

// GroupNames are the groups of all.
func GroupNames(all []Member) []string {
	var names []string
	for _, m := range all {
		if !slices.Contains(names, m.Group) {
			names = append(names, m.Group)
		}
	}
	return names
}

// ProcessNames are what all are offered as in place of word: by name, or with
// the group in front, and then each group as a whole too.
func ProcessNames(all []Member, word string) []string {
	var names []string
	for _, m := range all {
		if !strings.Contains(word, ":") && m.Name == m.Group {
			names = append(names, m.Name)
			continue
		}
		names = append(names, m.Group+":"+m.Name)
		if whole := m.Group + ":*"; !slices.Contains(names, whole) {
			names = append(names, whole)
		}
	}
	return names
}
