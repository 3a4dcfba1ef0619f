package conf

import (
	"math"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

func TestParseSize(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want size
		bad  bool
	}{
		{in: "0"},
		{in: "1", want: size{bytes: 1}},
		{in: "1B", want: size{bytes: 1}},
		{in: " 256M ", want: size{bytes: 256 * mib}},
		{in: "256 M", want: size{bytes: 256 * mib}},
		{in: "256m", want: size{bytes: 256 * mib}},
		{in: "256MB", want: size{bytes: 256 * mib}},
		{in: "256MiB", want: size{bytes: 256 * mib}},
		{in: "50mb", want: size{bytes: 50 * mib}},
		{in: "4K", want: size{bytes: 4 * kib}},
		{in: "1.5G", want: size{bytes: 3 * gib / 2}},
		{in: ".5G", want: size{bytes: gib / 2}},
		{in: "2T", want: size{bytes: 2 * tib}},
		{in: "9007199254740993", want: size{bytes: 9007199254740993}}, // not exact as a float
		{in: "50%", want: size{percent: 50}},
		{in: "0.5 %", want: size{percent: 0.5}},
		{in: "100%", want: size{percent: 100}},
		{in: "max", want: size{bytes: Unlimited}},
		{in: "unlimited", want: size{bytes: Unlimited}},
		{in: "", bad: true}, {in: "M", bad: true}, {in: "12Q", bad: true}, {in: "-1", bad: true},
		{in: "1e3", bad: true}, {in: "0x10", bad: true}, {in: "1_000", bad: true}, {in: "1.2.3M", bad: true},
		{in: "0%", bad: true}, {in: "101%", bad: true}, {in: "5%M", bad: true}, {in: "inf", bad: true}, {in: "NaN", bad: true},
		{in: "8388608T", bad: true}, {in: "9223372036854775807", bad: true}, {in: "99999999999999999999", bad: true},
		{in: "9223372036854775806", want: size{bytes: math.MaxInt64 - 1}},
	} {
		got, err := parseSize(tc.in)
		if (err != nil) != tc.bad || got != tc.want {
			t.Errorf("%q is %+v (%v), want %+v", tc.in, got, err, tc.want)
		}
	}
}

func TestBytesString(t *testing.T) {
	for b, want := range map[Bytes]string{
		0: "0", 1: "1", 4097: "4097", 4 * kib: "4K", 256 * mib: "256M", 1900 * mib: "1900M", 3 * gib / 2: "1536M",
		16 * gib: "16G", 2 * tib: "2T", 858993459: "819.1M", 4194303: "3.9M", -2 * gib: "-2G", Unlimited: "max",
		12000 * gib: "11.7T", math.MinInt64: "-8388608T",
	} {
		if got := b.String(); got != want {
			t.Errorf("%d is %q, want %q", b, got, want)
		}
	}
}

// A size as it is printed reads as the same, or when rounded as less by at
// most a tenth of its unit.
func TestBytesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Bytes(rapid.Int64Range(0, 1<<60).Draw(t, "b"))
		z, err := parseSize(b.String())
		if err != nil {
			t.Fatalf("%v: %v", b, err)
		}
		if z.bytes > b || float64(b-z.bytes) > float64(b)*0.1 {
			t.Fatalf("%d is printed as %v and reads as %d", b, b, z.bytes)
		}
	})
}

func TestParseSpan(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want time.Duration
		bad  bool
	}{
		{in: "90", want: 90 * time.Second},
		{in: " 90s ", want: 90 * time.Second},
		{in: "1h30m", want: 90 * time.Minute},
		{in: "250ms", want: 250 * time.Millisecond},
		{in: "0"},
		{in: "9223372036", want: 9223372036 * time.Second},
		{in: "9223372037", bad: true},
		{in: "-1", bad: true}, {in: "-1s", bad: true}, {in: "soon", bad: true}, {in: "", bad: true}, {in: "1d", bad: true}, {in: "1.5", bad: true},
	} {
		got, err := parseSpan(tc.in)
		if (err != nil) != tc.bad || got != tc.want {
			t.Errorf("%q is %v (%v), want %v", tc.in, got, err, tc.want)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want float64
		bad  bool
	}{
		{in: "150%", want: 1.5}, {in: "1.5", want: 1.5}, {in: "2", want: 2}, {in: "1%", want: 0.01}, {in: "max", want: 0},
		{in: "0.5%", bad: true}, {in: "0", bad: true}, {in: "-1", bad: true}, {in: "NaN", bad: true}, {in: "inf", bad: true}, {in: "%", bad: true}, {in: "two", bad: true},
	} {
		got, err := parseCPUs(tc.in)
		if (err != nil) != tc.bad || got != tc.want {
			t.Errorf("%q is %v (%v), want %v", tc.in, got, err, tc.want)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]syscall.Signal{
		"TERM": 15, "SIGTERM": 15, "term": 15, " Int ": 2, "USR2": 12, "9": 9, "64": 64,
		"0": 0, "65": 0, "-1": 0, "": 0, "SIG": 0, "FOO": 0, "SIGSIGTERM": 0,
	} {
		got, err := parseSignal(in)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q is %d (%v), want %d", in, got, err, want)
		}
	}
}

func TestParseOctal(t *testing.T) {
	for in, want := range map[string]uint32{"022": 0o22, "0700": 0o700, "27": 0o27, "0o755": 0o755, "0": 0} {
		if got, err := parseOctal(in); err != nil || got != want {
			t.Errorf("%q is %o (%v), want %o", in, got, err, want)
		}
	}
	for _, in := range []string{"", "8", "rwx", "01777", "-1"} {
		if got, err := parseOctal(in); err == nil {
			t.Errorf("%q is %o", in, got)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", time.Hour: "1h", 90 * time.Second: "1m30s",
		2*time.Hour + 30*time.Second: "2h0m30s", 10 * time.Minute: "10m", 20 * time.Hour: "20h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
