package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// sample is a file with all kinds of lines, and the changes behind its snapshot.
func sample() []byte {
	var b bytes.Buffer
	err := Encode(&b, "boot-1", map[string]any{"a": 1, "b": map[string]any{"x": "ü<\n"}, "c": []string{"y"}, "gone": nil})
	if err != nil {
		panic(err)
	}
	out := appendLine(b.Bytes(), "a", "2")
	out = appendLine(out, "b", "")
	return appendLine(out, "d e", `"new"`)
}

func decodeBytes(t *testing.T, b []byte) Loaded {
	t.Helper()
	l, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDecode(t *testing.T) {
	l := decodeBytes(t, sample())
	if l.BootID != "boot-1" || l.Version != Version || len(l.Problems) > 0 {
		t.Errorf("boot %q, version %d, problems %v", l.BootID, l.Version, l.Problems)
	}
	same(t, texts(l), map[string]string{"a": "2", "c": `["y"]`, "d e": `"new"`})
}

// TestForm pins what version 1 is: files of it must be read for ever.
func TestForm(t *testing.T) {
	if got := string(sum([]byte("123456789"))); got != "e3069283" { // RFC 3720's check value of CRC-32C
		t.Errorf("checksum %s", got)
	}
	want := `bulkhead-state 1 "boot-1" 24037cb2
63743cf8 {"k":"a","v":1}
9ef00c59 {"k":"b","v":{"x":"ü\u003c\n"}}
9767d645 {"k":"c","v":["y"]}
bulkhead-state 1 "boot-1" 24037cb2
57939461 {"k":"a","v":2}
929eeb11 {"k":"b"}
77671a1b {"k":"d e","v":"new"}
`
	if got := string(sample()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// states are the documents after each sound prefix of lines of sample.
func states(t *testing.T) (ends []int, docs []map[string]string) {
	now := map[string]string{}
	b := sample()
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		line := b[at : at+n]
		at += n + 1
		if !bytes.HasPrefix(line, []byte(magic)) {
			key, value, err := parseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			if delete(now, key); value != nil {
				now[key] = string(value)
			}
		}
		was := map[string]string{}
		for k, v := range now {
			was[k] = v
		}
		ends, docs = append(ends, at), append(docs, was)
	}
	return ends, docs
}

// TestTruncated cuts a good file at every byte.
func TestTruncated(t *testing.T) {
	b := sample()
	ends, docs := states(t)
	const snapshot = 5 // lines: two headers, three documents
	for n := range len(b) {
		l := decodeBytes(t, b[:n])
		lines := 0 // sound ones; a line that lacks nothing but its newline is sound
		for lines < len(ends) && ends[lines] <= n+1 {
			lines++
		}
		whole := lines > 0 && ends[lines-1] == n // cut between two lines
		want := map[string]string{}
		if lines > 0 {
			want = docs[lines-1]
		}
		same(t, texts(l), want)
		if sound := whole && lines >= snapshot; sound != (len(l.Problems) == 0) {
			t.Errorf("cut at %d: problems %v", n, l.Problems)
		}
		if wantBoot := map[bool]string{true: "boot-1"}[lines > 0]; l.BootID != wantBoot {
			t.Errorf("cut at %d: boot id %q", n, l.BootID)
		}
	}
}

// TestFlipped changes every byte of a good file in several ways: each is told,
// and costs at most what stands in the lines that it touches.
func TestFlipped(t *testing.T) {
	good := sample()
	ends, _ := states(t)
	history := map[string]map[string]bool{} // all values that a key ever had; "" is none
	for line := range bytes.Lines(good) {
		if key, value, err := parseLine(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			if history[key] == nil {
				history[key] = map[string]bool{"": true}
			}
			history[key][string(value)] = true
		}
	}
	final := texts(decodeBytes(t, good))
	for at := range good {
		for _, mask := range []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff, good[at], good[at] ^ '\n'} {
			if mask == 0 {
				continue
			}
			b := bytes.Clone(good)
			b[at] ^= mask
			l := decodeBytes(t, b)
			if len(l.Problems) == 0 {
				t.Fatalf("byte %d ^ %#x: no problem found in\n%s", at, mask, b)
			}
			if l.BootID != "boot-1" {
				t.Errorf("byte %d ^ %#x: boot id %q", at, mask, l.BootID)
			}
			touched := map[string]bool{}
			for i, end := range ends {
				start := 0
				if i > 0 {
					start = ends[i-1]
				}
				if at == start-1 || at >= start && at < end { // a lost newline joins the next line
					if key, _, err := parseLine(good[start : end-1]); err == nil {
						touched[key] = true
					}
				}
			}
			got := texts(l)
			for key := range history {
				if !touched[key] && got[key] != final[key] {
					t.Errorf("byte %d ^ %#x: %q is %q, want %q", at, mask, key, got[key], final[key])
				}
				if !history[key][got[key]] {
					t.Errorf("byte %d ^ %#x: %q is %q, which it never was", at, mask, key, got[key])
				}
				delete(got, key)
			}
			if len(got) > 0 {
				t.Errorf("byte %d ^ %#x: unknown documents %v", at, mask, got)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	head := string(header("b"))
	line := func(body string) string { return string(sum([]byte(body))) + " " + body + "\n" }
	ok := line(`{"k":"ok","v":1}`)
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "state: torn: the file is empty"},
		{"no header", ok + ok, "state: no sound header"},
		{"cut short", head + ok, "state line 2: torn: the file ends within the snapshot"},
		{"two boots", head + string(header("c")) + ok, `state line 2: damaged header: boot id "c", and "b" before`},
		{"empty line", head + head + "\n" + ok, `state line 3: damaged: "" is no change`},
		{"upper case sum", head + head + ok + strings.ToUpper(line(`{"k":1}`)[:8]) + " {}\n", `state line 4: damaged: the checksum of "{}"`},
		{"not JSON", head + head + line(`{"k":"x"`) + ok, "state line 3: damaged: unexpected end of JSON input"},
		{"no key", head + head + line(`{"v":1}`) + ok, "state line 3: damaged: no key"},
		{"null key", head + head + line(`{"k":null,"v":1}`) + ok, "state line 3: damaged: no key"},
		{"key of another type", head + head + line(`{"k":7,"v":1}`) + ok, "state line 3: damaged: json: cannot unmarshal number"},
		{"zeros behind", head + head + ok + strings.Repeat("\x00", 4096), `state line 4: torn: the file ends within "\x00\x00`},
		{"long", head + head + strings.Repeat("x", maxLine+1) + "\n" + ok, "state line 3: damaged: longer than 16777216 bytes"},
		{"long tail", head + head + ok + strings.Repeat("x", maxLine+1), "state line 4: damaged: longer than 16777216 bytes"},
		{"version 0", strings.TrimSuffix(signed("bulkhead-state 0 \"b\""), "") + head + head + ok, `state line 1: damaged header: version "0"`},
		{"boot id", signed("bulkhead-state 1 b") + head + head + ok, `state line 1: damaged header: boot id b`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := decodeBytes(t, []byte(c.in))
			if len(l.Problems) != 1 || !strings.HasPrefix(l.Problems[0].Error(), c.want) {
				t.Errorf("problems %q, want one %q", l.Problems, c.want)
			}
			if want := strings.Contains(c.in, ok); want != (string(l.Documents["ok"]) == "1") {
				t.Errorf("documents %q", texts(l))
			}
		})
	}
}

func TestNullDeletes(t *testing.T) {
	body := `{"k":"a","v":null}`
	l := decodeBytes(t, append(sample(), string(sum([]byte(body)))+" "+body+"\n"...))
	if doc, ok := l.Documents["a"]; ok || len(l.Problems) > 0 || len(l.Documents) != 2 {
		t.Errorf("a is %s; problems %v", doc, l.Problems)
	}
}

// signed is a header line of text and its checksum.
func signed(text string) string { return text + " " + string(sum([]byte(text))) + "\n" }

func TestManyProblems(t *testing.T) {
	l := decodeBytes(t, []byte(strings.Repeat("garbage\n", 1000)))
	if n := len(l.Problems); n != maxProblems+2 || l.Problems[n-1].Error() != "state: 980 more problems" {
		t.Errorf("%d problems, the last: %v", n, l.Problems[n-1])
	}
}

func TestNewer(t *testing.T) {
	newer := signed(fmt.Sprintf("bulkhead-state %d whatever comes", Version+1))
	dir := t.TempDir()
	for _, in := range []string{newer, newer + "what nobody knows\n", string(sample()) + newer} {
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(dir)
		e, ok := errors.AsType[*NewerError](err)
		if !ok || e.Version != Version+1 || e.File != filepath.Join(dir, stateFile) || l.Documents != nil {
			t.Errorf("Load: %v, %v", l, err)
		}
		if want := fmt.Sprintf("cannot read state %q: it has version 2 and this program knows versions up to 1; use the newer program, or remove the file", e.File); err.Error() != want {
			t.Errorf("error %q", err)
		}
		if _, err := Decode(strings.NewReader(in)); err == nil || !strings.HasPrefix(err.Error(), "cannot read state: it has version 2") {
			t.Errorf("Decode: %v", err)
		}
	}
	// A flipped bit is no newer version.
	b := bytes.Replace(sample(), []byte("state 1"), []byte("state 3"), 1)
	if l, err := Decode(bytes.NewReader(b)); err != nil || len(l.Problems) != 1 || l.BootID != "boot-1" {
		t.Errorf("with a damaged version: %v, %v", l.Problems, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	l, err := Load(filepath.Join(dir, "none"))
	if err != nil || l.Documents == nil || len(l.Documents)+len(l.Problems) > 0 || l.BootID != "" {
		t.Errorf("without state: %+v, %v", l, err)
	}
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path, sample()[:len(sample())-3], 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(dir); err != nil || len(l.Problems) != 1 || !strings.HasPrefix(l.Problems[0].Error(), fmt.Sprintf("state %q line 8: torn", path)) {
		t.Errorf("torn: %q, %v", l.Problems, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(dir); err != nil || len(l.Problems) == 0 || !strings.Contains(l.Problems[0].Error(), "is a directory") {
		t.Errorf("a directory: %v, %v", l.Problems, err)
	}
}

// TestReadError: what was read before it counts.
func TestReadError(t *testing.T) {
	boom := errors.New("boom")
	l, err := Decode(io.MultiReader(bytes.NewReader(sample()), iotest.ErrReader(boom)))
	if err != nil || len(l.Problems) != 1 || !errors.Is(l.Problems[0], boom) || len(l.Documents) != 3 {
		t.Errorf("%v, %v", l, err)
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name string
		docs map[string]any
		want string
	}{
		{"a function", map[string]any{"f": func() {}}, `cannot store "f": json: unsupported type: func()`},
		{"a key", map[string]any{"\xff": 1}, `cannot store "\xff": the key is not UTF-8`},
		{"bad raw", map[string]any{"r": json.RawMessage("{")}, `cannot store "r": json: error calling MarshalJSON`},
		{"large", map[string]any{"l": strings.Repeat("x", maxLine)}, `cannot store "l": 16777288 bytes are more than a line may have (16777216)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Encode(&b, "", c.docs); err == nil || !strings.HasPrefix(err.Error(), c.want) || b.Len() > 0 {
				t.Errorf("error %v, %d bytes written", err, b.Len())
			}
		})
	}
	long := map[string]any{strings.Repeat("\x01", maxLine/8): strings.Repeat("y", maxLine/8)}
	var b bytes.Buffer
	if err := Encode(&b, "a \"boot\"\n", long); err != nil {
		t.Fatal(err)
	}
	if l := decodeBytes(t, b.Bytes()); len(l.Problems) > 0 || len(l.Documents) != 1 || l.BootID != "a \"boot\"\n" {
		t.Errorf("a long line: %d documents, boot id %q, problems %v", len(l.Documents), l.BootID, l.Problems)
	}
	full := &limited{left: 100}
	if err := Encode(full, "", long); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
}

// limited takes so many bytes.
type limited struct{ left int }

func (l *limited) Write(b []byte) (int, error) {
	n := min(l.left, len(b))
	if l.left -= n; n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestBootID(t *testing.T) {
	a, err := BootID()
	b, _ := BootID()
	if err != nil || a != b || len(a) != 36 {
		t.Errorf("boot ids %q, %q, %v", a, b, err)
	}
}

// FuzzDecode: nothing that is read breaks anything, and what was sound is so
// again once written.
func FuzzDecode(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:70])
	f.Add([]byte(signed("bulkhead-state 7 x")))
	f.Add(append(header(""), "e3069283 \x00\n"...))
	f.Add([]byte(signed("bulkhead-state 1 \"\\xff\"")))
	for _, body := range []string{`{"k":"a","v":{"x":[1,2.50e3,"\u2028<"]}}`, `{"K":"","k":"\ud800"}`, "{\"k\":\"\xff\",\"v\": \r\"\xff\"}"} {
		f.Add(append(append(sum([]byte(body)), ' '), body...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := Decode(bytes.NewReader(in))
		if err != nil {
			if _, ok := errors.AsType[*NewerError](err); !ok {
				t.Fatalf("error %v", err)
			}
			return
		}
		docs := map[string]any{}
		for key, doc := range l.Documents {
			if !json.Valid(doc) {
				t.Fatalf("%q is not JSON: %q", key, doc)
			}
			docs[key] = doc
		}
		var once, twice bytes.Buffer
		if err := Encode(&once, l.BootID, docs); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(bytes.NewReader(once.Bytes()))
		if err != nil || len(again.Problems) > 0 || len(again.Documents) != len(docs) {
			t.Fatalf("written again: %v, %v", again.Problems, err)
		}
		for key, doc := range again.Documents {
			docs[key] = doc
		}
		if err := Encode(&twice, again.BootID, docs); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("%v; first\n%q\nthen\n%q", err, once.Bytes(), twice.Bytes())
		}
	})
}
