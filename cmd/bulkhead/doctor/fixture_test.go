package doctor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden; only commit what you understand")

// fixture is a host made of an archive in testdata: its files as they are, but
// for "processes", of which each line becomes a directory of proc.
type fixture struct {
	root  string
	rates map[int]int64 // of a process, by pid, in bytes a minute; of the host's memory: pid 0
}

func load(t *testing.T, name string) fixture {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{t.TempDir(), map[int]int64{}}
	for _, file := range a.Files {
		if file.Name == "processes" {
			for line := range strings.Lines(string(file.Data)) {
				if line = strings.TrimSpace(line); line != "" {
					f.process(t, line)
				}
			}
			continue
		}
		f.write(t, file.Name, string(file.Data))
	}
	return f
}

func (f fixture) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// process writes the files of one: "pid=7 ppid=1 rss=30M … :: argument|argument".
func (f fixture) process(t *testing.T, line string) {
	t.Helper()
	head, argv, ok := strings.Cut(line, " :: ")
	if !ok {
		t.Fatalf("a process without a command line: %q", line)
	}
	v := map[string]string{"ppid": "1", "swap": "0", "pte": "0", "adj": "0", "score": "667", "ticks": "100", "cgroup": "0::/"}
	for word := range strings.FieldsSeq(head) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			t.Fatalf("cannot read %q of %q", word, line)
		}
		v[name] = value
	}
	kb := func(name string) int64 {
		if v[name] == "" {
			name = "rss"
		}
		return size(t, v[name]) >> 10
	}
	pid, err := strconv.Atoi(v["pid"])
	if err != nil {
		t.Fatal(err)
	}
	if v["rate"] != "" {
		f.rates[pid] = size(t, v["rate"])
	}
	dir := "proc/" + v["pid"] + "/"
	f.write(t, dir+"cmdline", strings.ReplaceAll(argv, "|", "\x00")+"\x00")
	f.write(t, dir+"stat", fmt.Sprintf("%d (a b) c) S %s 1 1 0 -1 0 0 0 0 0 %s 0 0 0 20 0 1 0 5000 %s\n",
		pid, v["ppid"], v["ticks"], strings.Repeat("0 ", 23)))
	f.write(t, dir+"status", fmt.Sprintf("Name:\ta b) c\nPid:\t%d\nUid:\t33\t33\t33\t33\nVmSize:\t%8d kB\nVmRSS:\t%8d kB\nRssAnon:\t%8d kB\nRssFile:\t%8d kB\nRssShmem:\t       0 kB\nVmPTE:\t%8d kB\nVmSwap:\t%8d kB\n",
		pid, kb("rss")+4, kb("rss"), kb("anon"), kb("rss")-kb("anon"), kb("pte"), kb("swap")))
	f.write(t, dir+"smaps_rollup", fmt.Sprintf("00400000-7ffe0000 ---p 00000000 00:00 0    [rollup]\nRss: %d kB\nPss: %d kB\nSwap: %d kB\n", kb("rss"), kb("pss"), kb("swap")))
	f.write(t, dir+"oom_score", v["score"]+"\n")
	f.write(t, dir+"oom_score_adj", v["adj"]+"\n")
	f.write(t, dir+"cgroup", strings.ReplaceAll(v["cgroup"], ",,", "\n")+"\n")
}

func size(t *testing.T, text string) int64 {
	t.Helper()
	shift := map[byte]int{'K': 10, 'M': 20, 'G': 30}[text[len(text)-1]]
	if shift > 0 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << shift
}

// watch is 11 readings over the span, of which the last is what the files say; those before
// are less by the rates, and shake a little.
func (f fixture) watch(t *testing.T, span time.Duration) []Host {
	t.Helper()
	last, err := Reader{Root: f.root}.Read()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(f.root, "rate")); err == nil {
		f.rates[0] = size(t, strings.TrimSpace(string(b)))
	}
	end := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var all []Host
	for i := range readings {
		before := span - span*time.Duration(i)/(readings-1)
		h := *last
		h.At = end.Add(-before)
		shake := int64(i%3-1) << 16
		h.Memory.Available -= int64(float64(f.rates[0])*before.Minutes()) + shake
		h.Processes = append([]Process(nil), last.Processes...)
		for j := range h.Processes {
			p := &h.Processes[j]
			if rate := f.rates[p.PID]; rate != 0 {
				less := int64(float64(rate)*before.Minutes()) + shake
				p.RSS, p.Anon, p.Ticks = p.RSS-less, p.Anon-less, p.Ticks-uint64(readings-1-i)
			}
		}
		all = append(all, h)
	}
	return all
}
