package history

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	head    = `"at":"2026-11-28T12:00:00Z","up":60,"boot":"0b1d"`
	memory  = `"memory":{"total":1024,"available":512,"swap_total":0,"swap_free":0}`
	reading = `{` + head + `,` + memory + `}`
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{ // what is wrong; "" nothing
		reading:                                   "",
		reading + "\n":                            "",
		`{` + head + `,"mark":"start"}`:           "",
		`{` + head + `,"mark":"of a later"}`:      "",
		`{` + head + `,` + memory + `,"new":[1]}`: "",
		`{` + head + `,` + memory + `,"programs":{"a":{"n":1,"sum":4503599627370496}}}`: "",
		``:                     "unexpected end",
		`null`:                 "no time",
		`[]`:                   "cannot unmarshal",
		`{}`:                   "no time",
		reading[:40]:           "unexpected end",
		reading[:40] + reading: "invalid character",
		`{` + head + `}`:       "says nothing of memory",
		`{"at":"2026-11-28T12:00:00Z","mark":"stop"}`:                                  "no boot",
		`{"at":"12026-11-28T12:00:00Z","boot":"a","mark":"stop"}`:                      "parsing time",
		`{"at":"9999-11-28T12:00:00Z","boot":"a","mark":"stop"}`:                       "of the year 9999",
		`{"at":"1969-11-28T12:00:00Z","boot":"a","mark":"stop"}`:                       "of the year 1969",
		`{` + head + `,"memory":{"available":512}}`:                                    "the amount 0",
		`{` + head + `,"memory":{"total":-1}}`:                                         "the amount -1",
		`{` + head + `,` + memory + `,"oom_kills":-3}`:                                 "the amount -3",
		`{` + head + `,` + memory + `,"some":4503599627370497}`:                        "the amount 4503599627370497",
		`{` + head + `,` + memory + `,"programs":{"a":{"n":1},"b":{"n":1,"swap":-2}}}`: "the amount -2",
		`{` + head + `,` + memory + `,"programs":{"a":{"n":99999999999999999999}}}`:    "cannot unmarshal",
		`{` + head + `,"memory":{"total":1.5,"available":512}}`:                        "cannot unmarshal",
	} {
		_, err := Parse([]byte(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot read a line of history: ")):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, l := range []Line{
		{At: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), Up: 7, Boot: "0b1d", Mark: Upgrade, Version: "0.2.0", Config: "/etc/bulkhead/bulkhead.toml", Lost: 2},
		{At: time.Date(2026, 11, 28, 12, 0, 2, 0, time.UTC), Up: 9, Boot: "0b1d", Memory: &Memory{8, 4, 2, 1}, Some: 5, Full: 3, OOMKills: 1,
			Programs: map[string]Program{"queue": {2, 30, 20, 10, 9, 8, 7, 6, 5, 4, 3}, "é\"\n": {}}},
	} {
		b, err := l.encode()
		if err != nil || strings.Count(string(b), "\n") != 1 || b[len(b)-1] != '\n' {
			t.Fatalf("%q, %v", b, err)
		}
		got, err := Parse(b)
		if diff := cmp.Diff(l, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	zone := time.FixedZone("x", 3600)
	b, _ := Line{At: time.Date(2026, 11, 28, 13, 0, 0, 5e8, zone), Boot: "b", Mark: Stop}.encode()
	if want := `{"at":"2026-11-28T12:00:00Z","up":0,"boot":"b","mark":"stop"}` + "\n"; string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
}
