package doctor

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/history"
)

const mb = 1 << 20

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// tale makes a history by the minute.
type tale struct{ history.Log }

// boot adds n minutes of one boot, up from its given minute on; the last minute of all is noon, see told.
func (s *tale) boot(id string, from, n int, change func(minute int, l *history.Line)) *tale {
	for i := range n {
		l := history.Line{Boot: id, Up: int64(60 * (from + i)), Memory: &history.Memory{Total: 2000 * mb, Available: 1000 * mb, SwapTotal: 500 * mb, SwapFree: 500 * mb}}
		if change != nil {
			change(i, &l)
		}
		s.Lines = append(s.Lines, l)
	}
	return s
}

// mark adds a mark at the second after the last line.
func (s *tale) mark(id string, up int64, m history.Mark) *tale {
	s.Lines = append(s.Lines, history.Line{Boot: id, Up: up, Mark: m, Version: "0.2.0", Config: "/etc/bulkhead/bulkhead.toml"})
	return s
}

// told gives all lines their times: the boots lie apart minutes behind each other.
func (s *tale) told(apart time.Duration) *tale {
	at := noon
	for i := range slices.Backward(s.Lines) {
		if i+1 < len(s.Lines) {
			if next := s.Lines[i+1]; next.Boot == s.Lines[i].Boot {
				at = at.Add(-time.Duration(next.Up-s.Lines[i].Up) * time.Second)
			} else {
				at = at.Add(-apart)
			}
		}
		s.Lines[i].At = at
	}
	return s
}

func (s *tale) diagnose(t *testing.T, since time.Duration) *Past {
	t.Helper()
	p, err := DiagnosePast(s.Log, since, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Findings {
		if f.Title == "" || len(f.Facts) == 0 || len(f.Advice) == 0 {
			t.Errorf("%s lacks a title, numbers or advice: %+v", f.Rule, f)
		}
	}
	return p
}

// rules are what was found, with the first letter of how bad it is.
func (p *Past) rules() string {
	var words []string
	for _, f := range p.Findings {
		words = append(words, f.Severity.String()[:1]+":"+f.Rule)
	}
	return strings.Join(words, " ")
}

func (p *Past) finding(rule string) Finding {
	for _, f := range p.Findings {
		if f.Rule == rule {
			return f
		}
	}
	return Finding{}
}

func running(p history.Program) func(int, *history.Line) {
	return func(_ int, l *history.Line) { l.Programs = map[string]history.Program{"queue": p} }
}

// shake is noise of some megabytes, the same at every run.
func shake(minute int) int64 { return int64(minute*7919%11-5) * mb }

// TestPastRules: what is found of which history, and what is not.
func TestPastRules(t *testing.T) {
	limited := history.Program{Instances: 4, Sum: 200 * mb, Most: 60 * mb, Runs: 4, MemoryMax: 128 * mb, MaxMemory: 96 * mb}
	grow := func(p history.Program, rate int64) func(int, *history.Line) {
		return func(i int, l *history.Line) {
			g := p
			g.Sum += int64(i)*rate/60 + shake(i)
			g.Most = g.Sum / max(int64(g.Instances), 1)
			l.Programs = map[string]history.Program{"queue": g}
		}
	}
	fall := func(rate int64) func(int, *history.Line) {
		return func(i int, l *history.Line) {
			running(limited)(i, l)
			l.Memory.Available -= int64(i)*rate/60 + shake(i)
		}
	}
	free := history.Program{Instances: 4, Sum: 200 * mb, Most: 60 * mb, Runs: 4}
	for name, c := range map[string]struct {
		tale *tale
		want string
	}{
		"healthy":          {(&tale{}).boot("a", 0, 1440, running(limited)), ""},
		"one reading":      {(&tale{}).boot("a", 0, 1, running(limited)), ""},
		"no programs":      {(&tale{}).boot("a", 0, 100, nil), ""},
		"full in hours":    {(&tale{}).boot("a", 0, 600, fall(60*mb)), "s:memory-full"},
		"full in days":     {(&tale{}).boot("a", 0, 600, fall(10*mb)), "w:memory-full"},
		"full some day":    {(&tale{}).boot("a", 0, 1440, fall(mb)), ""},
		"too short a time": {(&tale{}).boot("a", 0, 50, fall(300*mb)), ""},
		"noise":            {(&tale{}).boot("a", 0, 1440, fall(0)), ""},
		"rises":            {(&tale{}).boot("a", 0, 600, fall(-20*mb)), ""},
		"a leak, and room for it": {(&tale{}).boot("a", 0, 600, func(i int, l *history.Line) {
			grow(free, 10*mb)(i, l)
			l.Memory.SwapTotal, l.Memory.SwapFree = 1<<40, 1<<40
		}), "n:program-grows n:program-unlimited"},
		"a leak that nobody sees yet": {(&tale{}).boot("a", 0, 600, grow(free, 40*mb)), "w:memory-full w:program-unlimited"},
		"a leak that is held":         {(&tale{}).boot("a", 0, 600, grow(limited, 10*mb)), ""},
		"a leak that is held too far": {(&tale{}).boot("a", 0, 600, grow(history.Program{Instances: 1, Sum: 50 * mb, Runs: 1, MemoryMax: 9000 * mb}, 40*mb)), "w:memory-full"},
		"recycled again and again": {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) {
			grow(history.Program{Instances: 1, Sum: 50 * mb, Runs: int64(i/50) + 1, Recycles: int64(i / 50), MemoryMax: 900 * mb}, 0)(i%50, l)
		}), ""},
		"gives nothing back": {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) {
			grow(free, 0)(i, l)
			if i > 100 {
				g := l.Programs["queue"]
				g.Sum, g.Most = 700*mb+shake(i), 400*mb
				l.Programs["queue"] = g
			}
		}), "w:program-unlimited n:program-keeps"},
		"gives it back": {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) {
			grow(limited, 0)(i, l)
			if i > 100 && i < 900 {
				g := l.Programs["queue"]
				g.Sum = 300*mb + shake(i)
				l.Programs["queue"] = g
			}
		}), ""},
		"low once": {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) { running(limited)(i, l); l.Memory.Available -= int64(i/1300) * 850 * mb }), "w:memory-low"},
		"lower":    {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) { running(limited)(i, l); l.Memory.Available -= int64(i/1439) * 950 * mb }), "w:memory-low"},
		"no swap": {(&tale{}).boot("a", 0, 1440, func(i int, l *history.Line) {
			running(limited)(i, l)
			l.Memory.Available -= int64(i/1439) * 950 * mb
			l.Memory.SwapTotal, l.Memory.SwapFree = 0, 0
		}), "s:memory-low"},
		"waited":    {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.Some = int64(max(i-50, 0)) * 7e6 }), "w:pressure"},
		"stood":     {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.Some, l.Full = int64(i)*7e6, int64(i/99)*6e6 }), "s:pressure"},
		"a little":  {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.Some, l.Full = int64(i)*5e6, int64(i)*5e6 }), ""},
		"kills":     {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.OOMKills = 7 + int64(i/50) }), "w:oom-kills"},
		"old kills": {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.OOMKills = 7 }), ""},
		"our kills": {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { g := limited; g.OOMKills, g.MaxMemory = int64(i/50), 0; running(g)(i, l) }), "w:oom-kills"},
		"a reboot":  {(&tale{}).boot("a", 0, 100, running(limited)).mark("a", 6000, history.Stop).mark("b", 20, history.Start).boot("b", 1, 100, running(limited)), ""},
		"died":      {(&tale{}).boot("a", 0, 100, running(limited)).mark("b", 20, history.Start).boot("b", 1, 100, running(limited)), "w:host-died"},
		"died of it": {(&tale{}).boot("a", 0, 100, func(i int, l *history.Line) { running(limited)(i, l); l.Memory.Available -= int64(i/99) * 900 * mb }).boot("b", 1, 100, running(limited)),
			"s:host-died w:memory-low"},
		"killed":   {(&tale{}).boot("a", 0, 100, running(limited)).mark("a", 6001, history.Start).boot("a", 101, 100, running(limited)), "w:supervisor-died"},
		"upgraded": {(&tale{}).boot("a", 0, 100, running(limited)).mark("a", 6001, history.Upgrade).boot("a", 101, 100, running(limited)), ""},
		"left":     {(&tale{}).boot("a", 0, 100, running(limited)).mark("a", 6000, history.Leave).mark("a", 6001, history.Start).boot("a", 101, 100, running(limited)), ""},
		"a full disk": {(&tale{}).boot("a", 0, 100, running(limited)).boot("a", 200, 100, func(i int, l *history.Line) {
			running(limited)(i, l)
			if i == 0 {
				l.Lost = 99
			}
		}), "n:history-lost"},
		"unlimited":  {(&tale{}).boot("a", 0, 100, running(free)), "n:program-unlimited"},
		"total only": {(&tale{}).boot("a", 0, 100, running(history.Program{Instances: 4, Sum: 200 * mb, Most: 60 * mb, TotalMax: 300 * mb})), ""},
	} {
		if got := c.tale.told(5*time.Minute).diagnose(t, 0).rules(); got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

// TestMoments: the clock is set while a boot lasts.
func TestMoments(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		lines []history.Line
		want  []string
	}{
		"nothing": {nil, nil},
		"set at its beginning": {[]history.Line{{At: at("1970-01-01 00:01"), Boot: "a", Up: 60}, {At: at("2026-11-28 12:00"), Boot: "a", Up: 120}, {At: at("2026-11-28 12:01"), Boot: "a", Up: 180}},
			[]string{"2026-11-28 11:59", "2026-11-28 12:00", "2026-11-28 12:01"}},
		"set back": {[]history.Line{{At: at("2026-11-28 14:00"), Boot: "a", Up: 60}, {At: at("2026-11-28 12:00"), Boot: "a", Up: 120}},
			[]string{"2026-11-28 11:59", "2026-11-28 12:00"}},
		"a boot with another clock": {[]history.Line{{At: at("2026-11-28 14:00"), Boot: "a", Up: 60}, {At: at("2026-11-28 12:00"), Boot: "b", Up: 60}},
			[]string{"2026-11-28 14:00", "2026-11-28 14:00"}},
		"up is nonsense": {[]history.Line{{At: at("2026-11-28 11:00"), Boot: "a", Up: 1 << 40}, {At: at("2026-11-28 12:00"), Boot: "a", Up: 60}, {At: at("2026-11-28 13:00"), Boot: "a", Up: 1 << 50}},
			[]string{"2026-11-28 11:00", "2026-11-28 12:00", "2026-11-28 13:00"}},
		"before 1970": {[]history.Line{{At: at("1970-01-02 11:00"), Boot: "a", Up: 0}, {At: at("1970-01-03 12:00"), Boot: "a", Up: 1 << 30}},
			[]string{"1970-01-02 11:00", "1970-01-03 12:00"}},
	} {
		var got []string
		for _, m := range moments(c.lines) {
			got = append(got, m.at.Format("2006-01-02 15:04"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestBreaks: what lies between two lines.
func TestBreaks(t *testing.T) {
	line := func(boot string, m history.Mark) moment { return moment{Line: &history.Line{Boot: boot, Mark: m}} }
	for _, c := range []struct {
		a, b moment
		gap  time.Duration
		want Why
	}{
		{line("a", ""), line("a", ""), time.Minute, ""},
		{line("a", ""), line("a", ""), 3 * time.Minute, ""},
		{line("a", ""), line("a", ""), 4 * time.Minute, Unknown},
		{line("a", ""), line("a", history.Stop), time.Second, ""},
		{line("a", history.Stop), line("a", history.Start), time.Hour, Stopped},
		{line("a", history.Leave), line("a", history.Start), time.Second, Left},
		{line("a", ""), line("a", history.Start), time.Second, Died},
		{line("a", history.Start), line("a", history.Start), time.Second, Died},
		{line("a", ""), line("a", history.Upgrade), time.Second, Upgraded},
		{line("a", history.Start), line("a", ""), time.Second, ""},
		{line("a", history.Stop), line("b", history.Start), time.Second, Rebooted},
		{line("a", history.Leave), line("b", ""), time.Second, Rebooted},
		{line("a", ""), line("b", history.Start), time.Second, HostDied},
		{line("a", "of a later version"), line("a", ""), time.Second, ""},
	} {
		if got := whyBroken(c.a, c.b, c.gap); got != c.want {
			t.Errorf("%s/%s, then %s/%s after %v: %q, want %q", c.a.Boot, c.a.Mark, c.b.Boot, c.b.Mark, c.gap, got, c.want)
		}
	}
	s := (&tale{}).boot("a", 0, 10, nil).boot("a", 30, 10, nil).mark("a", 2400, history.Stop).mark("b", 20, history.Start).boot("b", 1, 10, nil).told(7 * time.Minute)
	all, missing := breaks(moments(s.Lines))
	if len(all) != 2 || all[0].Why != Unknown || all[1].Why != Rebooted || missing != 28*time.Minute || all[1].before.Total != 2000*mb {
		t.Errorf("%+v, missing %v", all, missing)
	}
}

// TestSince: the period ends with the last line.
func TestSince(t *testing.T) {
	s := (&tale{}).boot("a", 0, 1440, nil).told(0)
	for since, want := range map[time.Duration]int{0: 1440, time.Hour: 61, time.Nanosecond: 1, 48 * time.Hour: 1440} {
		if p := s.diagnose(t, since); p.Readings != want || !p.To.Equal(noon) {
			t.Errorf("since %v: %d readings up to %v, want %d", since, p.Readings, p.To, want)
		}
	}
	if d := s.diagnose(t, 0).Silence(noon.Add(3 * time.Minute)); d != 0 {
		t.Errorf("silent for %v", d)
	}
	if d := s.diagnose(t, 0).Silence(noon.Add(time.Hour)); d != time.Hour {
		t.Errorf("silent for %v", d)
	}
	for _, log := range []history.Log{{}, (&tale{}).mark("a", 1, history.Start).told(0).Log} {
		if p, err := DiagnosePast(log, time.Hour, time.UTC); err == nil || !strings.HasPrefix(err.Error(), "cannot say anything of this history") {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

func TestMeans(t *testing.T) {
	var at []time.Time
	var values []float64
	for i := range 1440 {
		at, values = append(at, noon.Add(time.Duration(i)*time.Minute)), append(values, float64(i))
	}
	times, got := means(at, values)
	if len(times) != pointsMost || len(got) != pointsMost {
		t.Fatalf("%d points of %d", len(got), len(times))
	}
	for i := range got {
		if minute := times[i].Sub(noon).Minutes(); math.Abs(minute-got[i]) > 1e-6 || i > 0 && !times[i].After(times[i-1]) {
			t.Errorf("%v is %v", minute, got[i])
		}
	}
	for _, n := range []int{1, 2, pointsMost} {
		if times, got := means(at[:n], values[:n]); len(times) != n || len(got) != n {
			t.Errorf("%d points of %d", len(got), n)
		}
	}
	at = append(at[:30], noon.Add(1000*time.Hour)) // a gap: parts without a reading are no points
	if times, got := means(at, values[:31]); len(times) != 2 || got[1] != 30 {
		t.Errorf("%v, %v", times, got)
	}
	at[30] = noon.AddDate(5000, 0, 0)
	if times, got := means(at, values[:31]); len(times) != 2 || got[1] != 30 {
		t.Errorf("%v, %v", times, got)
	}
	same := make([]time.Time, 30)
	if times, _ := means(same, values[:30]); len(times) != 30 {
		t.Errorf("%d points at one time", len(times))
	}
}

func TestKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   bool
	}{
		"a step":            {[]float64{100, 100, 300, 300, 300}, true},
		"a step that shook": {[]float64{100, 100, 310, 300, 305}, true},
		"up and down":       {[]float64{100, 300, 100, 300}, false},
		"up and half down":  {[]float64{100, 300, 200, 200}, false},
		"hardly more":       {[]float64{100, 120, 120}, false},
		"flat":              {[]float64{100, 100, 100}, false},
		"from nothing":      {[]float64{0, 0, 100}, true},
	} {
		if got := keeps(c.values); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSetting: keys are spelled as the configuration spells them.
func TestSetting(t *testing.T) {
	for _, c := range []struct{ config, program, want string }{
		{"", "queue", `[programs.queue]: limits.memory_max = "128M"`},
		{"/etc/bulkhead/bulkhead.toml", "queue", `[programs.queue] of /etc/bulkhead/bulkhead.toml: limits.memory_max = "128M"`},
		{"/etc/supervisord.conf", "mail er", `[program:mail er] of /etc/supervisord.conf: bulkhead.limits.memory_max=128M`},
		{"", "mail er", `[programs."mail er"]: limits.memory_max = "128M"`},
		{"", "a\x1b\"", `[programs."a?\""]: limits.memory_max = "128M"`},
	} {
		p := &Past{config: c.config}
		if got := p.setting(c.program, "limits.memory_max", "128M"); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestPastLimits: limits are proposed by what was used at most.
func TestPastLimits(t *testing.T) {
	for name, c := range map[string]struct {
		program history.Program
		want    string
	}{
		"a little":    {history.Program{Instances: 2, Sum: 30 * mb, Most: 20 * mb}, `memory_max = "128M" and recycle.max_memory = "96M"`},
		"some":        {history.Program{Instances: 2, Sum: 300 * mb, Most: 200 * mb}, `memory_max = "320M" and recycle.max_memory = "240M"`},
		"half of all": {history.Program{Instances: 2, Sum: 1600 * mb, Most: 900 * mb}, "would protect nobody"},
	} {
		p := (&tale{}).boot("a", 0, 100, running(c.program)).told(0).diagnose(t, 0)
		if f := p.finding("program-unlimited"); !strings.Contains(strings.Join(f.Advice, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, f.Advice, c.want)
		}
	}
	many := (&tale{}).boot("a", 0, 2, func(_ int, l *history.Line) {
		l.Programs = map[string]history.Program{}
		for i := range 30 {
			l.Programs[strings.Repeat("x", i+1)] = history.Program{Instances: 1, Sum: mb, Most: mb}
		}
	}).told(0).diagnose(t, 0)
	f := many.finding("program-unlimited")
	if f.Title != "nothing limits the memory of 30 programs" || len(f.Advice) != limitsShown || f.Facts[limitsShown] != "and 22 more" {
		t.Errorf("%+v", f)
	}
	var b strings.Builder
	if err := many.Print(&b); err != nil || !strings.Contains(b.String(), "\n10 more programs") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// outageTale is a day with a leak, an outage in its night, a reboot, an upgrade and a leak again.
func outageTale() *tale {
	s := &tale{}
	s.mark("a", 5, history.Start)
	s.boot("a", 1, 900, func(i int, l *history.Line) {
		leak := min(int64(i)*mb*81/50+shake(i), 1459*mb)
		l.Memory.Available = max(1500*mb-leak, 41*mb)
		l.Memory.SwapFree = max(500*mb-int64(max(i-850, 0))*11*mb, 3*mb)
		if i > 880 {
			l.Some, l.Full = int64(i-880)*27e6, int64(i-880)*8e6
		}
		l.OOMKills = int64(max(i-896, 0))
		l.Programs = map[string]history.Program{
			"queue":  {Instances: 4, Sum: 120*mb + leak, Most: 60*mb + leak/2, Swap: int64(max(i-850, 0)) * 9 * mb, Runs: 4},
			"mailer": {Instances: 2, Sum: 93*mb + shake(i)/4, Most: 50 * mb, Runs: 2, MemoryMax: 128 * mb, MaxMemory: 96 * mb},
		}
	})
	s.mark("b", 21, history.Start)
	s.boot("b", 1, 180, func(i int, l *history.Line) {
		leak := int64(i)*mb*3/2 + shake(i)
		l.Memory.Available = 1500*mb - leak
		l.Programs = map[string]history.Program{
			"queue":  {Instances: 4, Sum: 120*mb + leak, Most: 60*mb + leak/2, Runs: 8},
			"mailer": {Instances: 2, Sum: 93*mb + shake(i)/4, Most: 50 * mb, Runs: 4 + int64(i/100), Recycles: int64(i / 100), MemoryMax: 128 * mb, MaxMemory: 96 * mb},
		}
		if i == 120 {
			s.mark("b", l.Up-30, history.Upgrade)
		}
	})
	s.Bad, s.Why = 1, `line 902 of "history": unexpected end of JSON input`
	return s.told(4 * time.Minute)
}

// TestPastReport compares a whole report, and what of it is JSON.
func TestPastReport(t *testing.T) {
	p := outageTale().diagnose(t, 24*time.Hour)
	if want := "s:memory-full s:memory-low s:host-died s:pressure w:oom-kills w:program-unlimited"; p.rules() != want || !p.Serious() {
		t.Errorf("found %q, serious %v; want %q", p.rules(), p.Serious(), want)
	}
	var b strings.Builder
	if err := p.Print(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "past.golden"), b.String())
	text, err := json.MarshalIndent(p.Document(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "past.json.golden"), string(text)+"\n")
	docs, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if line != "\n" && !strings.Contains(string(docs), "\n    "+line) {
			t.Errorf("docs/doctor.md shows another report: it lacks %q", line)
		}
	}
	d := (&tale{}).boot("a", 0, 1, nil).told(0).diagnose(t, 0).Document()
	if d.Lowest.Holders == nil || d.Kills == nil || d.Breaks == nil || d.Programs == nil || d.Findings == nil || d.Pressure != nil || d.Room.PerMinute != nil {
		t.Errorf("%+v", d)
	}
}

// FuzzPast: of whatever can be read as a history there is a report, or an error.
func FuzzPast(f *testing.F) {
	var seed []byte
	for _, l := range outageTale().Lines[:12] {
		b, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		seed = append(append(seed, b...), '\n')
	}
	f.Add(seed, int64(0))
	f.Add(seed, int64(time.Minute))
	f.Add([]byte(`{"at":"1970-01-01T00:00:00Z","boot":"a","up":4503599627370496,"memory":{"total":1,"available":9}}`), int64(-1))
	f.Fuzz(func(t *testing.T, text []byte, since int64) {
		var log history.Log
		for line := range strings.Lines(string(text)) {
			if l, err := history.Parse([]byte(line)); err == nil {
				log.Lines = append(log.Lines, l)
			}
		}
		p, err := DiagnosePast(log, time.Duration(since), time.UTC)
		if err != nil {
			return
		}
		var b strings.Builder
		if err := p.Print(&b); err != nil || b.Len() == 0 {
			t.Fatal(err)
		}
		for _, r := range b.String() {
			if r != '\n' && r < ' ' {
				t.Fatalf("%q in a report", r)
			}
		}
		if _, err := json.Marshal(p.Document()); err != nil {
			t.Fatal(err)
		}
	})
}
