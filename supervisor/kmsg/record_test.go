package kmsg

import (
	"testing"
	"time"
)

func TestParseRecord(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Record
		ok   bool
	}{
		{"6,339,5140900,-;NET: Registered\n", Record{Seq: 339, At: 5140900 * time.Microsecond, Text: "NET: Registered"}, true},
		{"30,340,5690716,-,caller=T1;udevd[80]: starting\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
			Record{Seq: 340, At: 5690716 * time.Microsecond, Text: "udevd[80]: starting"}, true},
		{"4,1,7,c;,uid=0\n", Record{Seq: 1, At: 7 * time.Microsecond, Text: ",uid=0", More: true}, true},
		{"4,1,7,+;,uid=0", Record{Seq: 1, At: 7 * time.Microsecond, Text: ",uid=0", More: true}, true},
		{"4,18446744073709551615,0,-;", Record{Seq: 1<<64 - 1}, true},
		{`4,1,0,-;caf\xc3\xa9 \x5c \x0atwo \xzz \x4`, Record{Seq: 1, Text: "café \\ \ntwo \\xzz \\x4"}, true},
		{"4,1,0,-;a;b", Record{Seq: 1, Text: "a;b"}, true},
		{"4,1,0,;a", Record{Seq: 1, Text: "a"}, true},
		{"", Record{}, false},
		{"6,339,5140900;no flags", Record{}, false},
		{"6,339,5140900,-", Record{}, false},
		{"x,339,5140900,-;", Record{}, false},
		{"6,-1,5140900,-;", Record{}, false},
		{"6,339,-5,-;", Record{}, false},
		{"6,339,9999999999999999,-;", Record{}, false},
	} {
		got, err := ParseRecord([]byte(c.in))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %+v, %v; want %+v", c.in, got, err, c.want)
		}
	}
}
