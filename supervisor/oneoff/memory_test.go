package oneoff

import (
	"context"
	"errors"
	"testing"
	"time"

	"bulkhead/conf"
)

func TestGate(t *testing.T) {
	dir := t.TempDir()
	readings := []conf.Bytes{1 << 30, 3 << 30, 1 << 30}
	look := func() (conf.Bytes, error) {
		have := readings[0]
		readings = readings[1:]
		return have, nil
	}
	var told []conf.Bytes
	tell := func(have conf.Bytes) { told = append(told, have) }
	g := gate{dir, 2 << 30, look}
	turn, err := g.pass(t.Context(), true, tell)
	if err != nil || len(told) != 1 || told[0] != 1<<30 || len(readings) != 1 {
		t.Errorf("%v, told %v, readings left %v", err, told, readings)
	}
	// While the first one settles, nobody looks.
	if _, err := g.pass(t.Context(), false, tell); !errors.Is(err, errTaken) || len(readings) != 1 {
		t.Errorf("%v, readings left %v", err, readings)
	}
	turn.release()
	var short *shortError
	if _, err := g.pass(t.Context(), false, tell); !errors.As(err, &short) || short.Error() != "1G of memory are available, less than 2G" {
		t.Errorf("%v", err)
	}
	if len(told) != 1 {
		t.Errorf("told %v without a wait", told)
	}
	// A wait that ends, and a reading that fails, give the turn back.
	enough, broken := errors.New("enough"), errors.New("broken")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, enough)
	defer cancel()
	g.read = func() (conf.Bytes, error) { return 0, nil }
	if _, err := g.pass(ctx, true, tell); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	g.read = func() (conf.Bytes, error) { return 0, broken }
	if _, err := g.pass(t.Context(), true, tell); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	g.read = func() (conf.Bytes, error) { return 2 << 30, nil }
	turn, err = g.pass(t.Context(), false, tell)
	if err != nil {
		t.Fatal(err)
	}
	turn.release()
}

func TestParseAvailable(t *testing.T) {
	for text, want := range map[string]conf.Bytes{
		"MemTotal:       16384 kB\nMemFree:        1024 kB\nMemAvailable:    2048 kB\n": 2 << 20,
		"MemTotal: 16384 kB\n":                  -1,
		"MemAvailable: many kB\n":               -1,
		"MemAvailable: -1 kB\n":                 -1,
		"XMemAvailable: 2048 kB\n":              -1,
		"MemAvailable: 99999999999999999999 kB": -1,
		"":                                      -1,
	} {
		got, ok := parseAvailable([]byte(text))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got, err := hostAvailable(); err != nil || got <= 0 {
		t.Errorf("here: %v, %v", got, err)
	}
}

func FuzzParseAvailable(f *testing.F) {
	f.Add([]byte("MemTotal: 1 kB\nMemAvailable: 2048 kB\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, ok := parseAvailable(b); ok && n < 0 {
			t.Errorf("%q: %d", b, n)
		}
	})
}
