package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unsafe"
)

// lineCount is what became of the chatters' lines.
type lineCount struct{ files, runs, ended, lines, lost, twice, torn int }

// logged is what the logs have of one stream of one run.
type logged struct {
	next  uint64 // number of the next line
	ended bool
}

// checkLines holds all logs against the chatters' own records: each line of
// each run is there once, whole and in order.
func (s *soak) checkLines() (n lineCount) {
	runs := map[string]*[2]logged{}
	records := map[string]record{}
	paths, err := filepath.Glob(filepath.Join(s.dir, "records", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range paths {
		run := path[strings.Index(path, "records/")+len("records/"):]
		run = run[strings.Index(run, ".")+1:]
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(text) != int(unsafe.Sizeof(record{})) {
			continue // killed before it had said anything
		}
		records[run], runs[run] = *(*record)(unsafe.Pointer(&text[0])), &[2]logged{{next: 1}, {next: 1}}
	}
	n.runs = len(records)
	for _, base := range logBases(filepath.Join(s.dir, "logs")) {
		if filepath.Base(base) != s.ignore {
			s.checkLog(base, records, runs, &n)
		}
	}
	for run, r := range records {
		if r.Ended == 1 {
			n.ended++
		}
		for stream := range 2 {
			got := runs[run][stream]
			n.lines += int(got.next - 1)
			if missing := int(r.Done[stream]) - int(got.next-1); missing > 0 {
				n.lost += missing
				s.fault("run %s, stream %d: the last %d of %d lines are lost", run, stream, missing, r.Done[stream])
			} else if r.Ended == 1 && !got.ended {
				n.lost++
				s.fault("run %s, stream %d: its last line is not the last one", run, stream)
			}
		}
	}
	return n
}

// logBases are the logs' own paths; a rotated file has a number behind it.
func logBases(dir string) []string {
	all, err := filepath.Glob(dir + "/*")
	if err != nil {
		panic(err) // the pattern is right
	}
	seen := map[string]bool{}
	for _, path := range all {
		seen[rotated.ReplaceAllString(path, "")] = true
	}
	return sortedKeys(seen)
}

var rotated = regexp.MustCompile(`\.[0-9]+$`)

// whole is a log with all its rotated files, the oldest first.
func whole(base string) (text []byte, files int, err error) {
	oldest := 0
	for ; ; oldest++ {
		if _, err := os.Stat(fmt.Sprintf("%s.%d", base, oldest+1)); err != nil {
			break
		}
	}
	for i := oldest; i >= 0; i-- {
		path := base
		if i > 0 {
			path = fmt.Sprintf("%s.%d", base, i)
		}
		part, err := os.ReadFile(path)
		if err != nil && !(i == 0 && os.IsNotExist(err)) {
			return nil, 0, err
		}
		text = append(text, part...)
		files++
	}
	return text, files, nil
}

func (s *soak) checkLog(base string, records map[string]record, runs map[string]*[2]logged, n *lineCount) {
	text, files, err := whole(base)
	if err != nil {
		s.fault("%v", err)
		return
	}
	n.files += files
	name := filepath.Base(base)
	for at := 0; len(text) > 0; {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		where := fmt.Sprintf("%s at %d", name, at)
		at, text = at+len(text)-len(rest), rest
		stream, run, seq, body, ok := parse(string(line))
		r, known := records[run]
		if !ok || !known {
			s.torn(where, string(line), records, n)
			continue
		}
		got := &runs[run][stream]
		switch {
		case seq < got.next:
			n.twice++
			s.fault("%s: line %d of run %s, stream %d, is there again", where, seq, run, stream)
			continue
		case seq > got.next:
			n.lost += int(seq - got.next)
			s.fault("%s: lines %d to %d of run %s, stream %d, are not there", where, got.next, seq-1, run, stream)
		}
		got.next = seq + 1
		got.ended = body == lastBody
		if want := style(r.Style).body(stream, seq); body != want && !got.ended {
			cut := seq == r.Tried[stream] && r.Done[stream] < seq && strings.HasPrefix(want, body)
			if !cut { // killed in the middle of this line
				n.torn++
				s.fault("%s: line %d of run %s, stream %d, is not what was written: %.60q", where, seq, run, stream, body)
			}
		}
	}
}

// torn is a line that nobody wrote, unless its writer was killed in the middle of it.
func (s *soak) torn(where, line string, records map[string]record, n *lineCount) {
	for run, r := range records {
		for stream := range 2 {
			seq := r.Tried[stream]
			if seq > r.Done[stream] && strings.HasPrefix(style(r.Style).line(stream, run, seq), line) {
				return
			}
		}
	}
	n.torn++
	s.fault("%s: nobody has written %.120q", where, line)
}

func parse(line string) (stream int, run string, seq uint64, body string, ok bool) {
	f := strings.SplitN(line, " ", 4)
	if len(f) != 4 || f[0] != "0" && f[0] != "1" {
		return 0, "", 0, "", false
	}
	seq, err := strconv.ParseUint(f[2], 10, 64)
	return int(f[0][0] - '0'), f[1], seq, f[3], err == nil
}
