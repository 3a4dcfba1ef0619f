package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n", "10,200", "-rounds", "2", "-works", "start,log1", "-peers", "b", "-idle", "5s", "-mb", "8", "-o", "x.md"}, []string{"a", "b"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.ns, []int{10, 200}) || o.rounds != 2 || !slices.Equal(o.works, []string{"start", "log1"}) ||
		!slices.Equal(o.peers, []string{"b"}) || o.idle != 5*time.Second || o.mega != 8 || o.out != "x.md" {
		t.Errorf("%+v", o)
	}
	o, err = parse(nil, []string{"a", "b"}, io.Discard)
	if err != nil || !slices.Equal(o.ns, []int{10, 200, 1000, 4000}) || len(o.works) != len(works)+len(logWorks) || len(o.peers) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-n 0", `cannot use -n "0": "0" is not a number from 1 to 10000`},
		{"-n 10,,20", `"" is not a number`},
		{"-n 10001", `is not a number from 1`},
		{"-rounds 0", "cannot do 0 rounds"},
		{"-works start,walk", `cannot use -works "start,walk": no "walk"; there are start, idle`},
		{"-peers c", `cannot use -peers "c": no "c"; there are a, b`},
		{"-idle 1ms", "cannot look at idle instances for 1ms"},
		{"-kills 0", "cannot kill 0 children"},
		{"-mb 0", "cannot write 0 megabytes"},
		{"more", `cannot use "more"`},
		{"-what", "flag provided but not defined"},
	} {
		if _, err := parse(strings.Fields(c.args), []string{"a", "b"}, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}
