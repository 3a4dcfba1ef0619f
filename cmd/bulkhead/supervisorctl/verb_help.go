package supervisorctl

import (
	"context"
	"maps"
	"slices"
)

// hidden are verbs that help does not list.
var hidden = map[string]bool{"help": true, "EOF": true}

// Verbs lists supervisorctl's actions as help does.
func Verbs() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(verbs)), func(v string) bool { return hidden[v] })
}

// Help is what help says of a verb, "" of one that it knows nothing about.
func Help(verb string) string { return verbs[verb].help }

func (c *Controller) help(_ context.Context, arg string) error {
	switch text := Help(arg); {
	case arg == "":
		Topics(c.out, "default commands (type help <topic>):", Verbs())
	case text == "":
		c.say("*** No help on %s", arg)
	default:
		c.say("%s", text)
	}
	return nil
}
