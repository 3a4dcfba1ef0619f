package conf

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	n := names{own: values{"program_name": "queue", "process_num": 7, "big": 12345, "minus": -7, "empty": "", "ENV_APP": "/srv/app"}}
	for in, want := range map[string]string{
		"":                      "",
		"plain":                 "plain",
		"100%%":                 "100%",
		"%%(program_name)s":     "%(program_name)s",
		"%(program_name)s":      "queue",
		"%(process_num)s":       "7",
		"%(process_num)d":       "7",
		"%(process_num)02d":     "07",
		"%(process_num)2d|":     " 7|",
		"%(process_num)-3d|":    "7  |",
		"%(process_num)-03d|":   "7  |", // Python: left wins over zero
		"%(process_num)02s|":    " 7|",  // Python: zero pads numbers only
		"%(minus)03d":           "-07",
		"%(big)02d":             "12345",
		"%(program_name)8s|":    "   queue|",
		"%(program_name)-8s|":   "queue   |",
		"%(program_name)3s|":    "queue|",
		"[%(empty)s]":           "[]",
		"%(ENV_APP)s/x%(big)d.": "/srv/app/x12345.",
		"ä%(process_num)dö":     "ä7ö",
	} {
		if got, err := n.expand(in); err != nil || got != want {
			t.Errorf("%q is %q (%v), want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"%":                                   `"%" is no expansion`,
		"50% off":                             `"% off" is no expansion`,
		"%s":                                  "is no expansion",
		"%(program_name)":                     "is no expansion",
		"%(program_name":                      "is no expansion",
		"%(program_name)x":                    "program_name is not a number",
		"%(program_name)q":                    "is no expansion",
		"%(process_num)99999999d":             "is no expansion",
		"%(process_num)99999999999999999999d": "is no expansion",
		"%(program_name)d":                    "write %(program_name)s",
		"%(nope)s":                            "the names are big, empty, minus, process_num, program_name and ENV_X",
		"%(proces_num)d":                      "write %(process_num)s",
		"%(ENV_APPP)s":                        "write %(ENV_APP)s",
		"%()s":                                `no name ""`,
	} {
		got, err := n.expand(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %q (%v), want an error with %q", in, got, err, want)
		}
	}
}

// Doubling every percent sign keeps any text as it is.
func TestExpandPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		got, err := names{}.expand(strings.ReplaceAll(text, "%", "%%"))
		if err != nil || got != text {
			t.Fatalf("%q is %q (%v)", text, got, err)
		}
	})
}

func TestNearest(t *testing.T) {
	words := []string{"memory_max", "memory_min", "memory_high", "user", "umask", "notify", "nice"}
	for in, want := range map[string]string{
		"memry_max": "memory_max", "memory-max": "memory_max", "MEMORY_MAX": "", "usr": "user", "usre": "user",
		"nofity": "notify", "Nice": "nice", "x": "", "": "", "command": "", "memory_maximum": "memory_max",
	} {
		if got := nearest(in, words); got != want {
			t.Errorf("%q is nearest to %q, want %q", in, got, want)
		}
	}
}
