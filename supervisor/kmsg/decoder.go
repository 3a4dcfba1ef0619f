package kmsg

import (
	"slices"
	"strings"
	"time"
)

const (
	keepsHolders = 5 // of the task dump
	// together is how far apart, on the kernel's clock, the records of one kill
	// may be: on a slow console a long task dump takes its time.
	together = 30 * time.Second
)

// Decoder makes kills of records. The zero value with a PageSize is ready.
type Decoder struct {
	PageSize int64 // of the kernel, bytes

	story   Kill     // what is told of the kill that comes
	since   Record   // what it began with; Text "" none
	columns []string // of the task dump, while it is told
	half    string   // a verdict that is not whole yet
	asked   bool     // the next lines may say the invoker's pid
	done    *Kill    // a kill that others may belong to
	before  uint64   // its Seq before the last of them was added
	last    uint64   // the sequence number before
	begun   bool     // last is set
	lost    uint64   // records that were overwritten before they were read
}

// Lost is how many records were overwritten before they were fed.
func (d *Decoder) Lost() uint64 { return d.lost }

// Pending reports that a kill is known that Flush would return.
func (d *Decoder) Pending() bool { return d.done != nil }

// Flush returns the kill that nothing will be added to any more, as when the
// log has been silent for a moment.
func (d *Decoder) Flush() []Kill {
	if d.done == nil {
		return nil
	}
	k := *d.done
	d.done = nil
	return []Kill{k}
}

// Feed takes the next record and returns the kills that are complete with it.
func (d *Decoder) Feed(r Record) (out []Kill) {
	if d.begun && r.Seq > d.last+1 {
		d.lost += r.Seq - d.last - 1
	}
	d.begun, d.last = true, r.Seq
	if d.done != nil && r.At > d.done.At+together {
		out = d.Flush()
	}
	if d.since.Text != "" && r.At > d.since.At+together {
		d.forget()
	}
	return append(out, d.line(r)...)
}

// forget ends a story of which no kill came, or whose kill is known.
func (d *Decoder) forget() {
	d.story, d.since, d.columns, d.half, d.asked = Kill{}, Record{}, nil, "", false
}

func (d *Decoder) line(r Record) (out []Kill) {
	if d.half != "" {
		if r.More {
			d.verdict(d.half + r.Text)
			return nil
		}
		if !strings.HasPrefix(r.Text, verdictBegins) {
			verdict(&d.story, d.half) // as far as it goes; the rest may yet come
		}
	}
	if in, ok := invoked(r.Text); ok {
		out = d.Flush()
		d.forget()
		d.since, d.story.Invoker, d.asked = r, in, true
		return out
	}
	if p, memcg, ok := killed(r.Text); ok {
		return d.killed(r, p, memcg)
	}
	if cgroup, ok := wholeGroup(r.Text); ok {
		return d.whole(r, cgroup)
	}
	d.tell(r)
	return nil
}

// tell takes a line of the story.
func (d *Decoder) tell(r Record) {
	if strings.HasPrefix(r.Text, verdictBegins) {
		d.begin(r)
		d.verdict(r.Text)
		return
	}
	if formerVerdict(&d.story, r.Text) {
		d.begin(r)
		return
	}
	if d.since.Text == "" {
		return // sizes and tables of something else
	}
	if d.asked {
		if pid, ok := callerPID(r.Text); ok {
			d.story.Invoker.PID, d.asked = pid, false
			return
		}
	}
	if usage(&d.story, r.Text) {
		return
	}
	if c := columns(r.Text); c != nil {
		d.columns = c
		return
	}
	if d.columns != nil {
		if p, ok := row(d.columns, r.Text, d.PageSize); ok {
			d.holds(p)
		}
	}
}

// begin notes where a story began that has no beginning.
func (d *Decoder) begin(r Record) {
	if d.since.Text == "" {
		d.since = r
	}
}

func (d *Decoder) verdict(line string) {
	d.half = ""
	if !wholeVerdict(line) && len(line) < 64<<10 {
		d.half = line
		return
	}
	verdict(&d.story, line)
}

// holds keeps a row of the task dump if it is one of the largest.
func (d *Decoder) holds(p Process) {
	h := d.story.Holders
	at, _ := slices.BinarySearchFunc(h, p.RSS(), func(q Process, rss int64) int {
		switch { // most first; of equals the first stays before
		case q.RSS() >= rss:
			return -1
		default:
			return 1
		}
	})
	if at < keepsHolders {
		d.story.Holders = slices.Insert(h, at, p)[:min(len(h)+1, keepsHolders)]
	}
}

// whole takes the news that the whole cgroup of the last victim is killed. That one
// was counted among the others of the kill before if nothing told of its own beginning.
func (d *Decoder) whole(r Record, cgroup string) (out []Kill) {
	if d.done == nil {
		return nil
	}
	if k := d.done; k.Whole != "" && len(k.Others) > 0 {
		last := len(k.Others) - 1
		next := &Kill{At: r.At, Victim: k.Others[last], Limit: k.Limit, Max: -1}
		k.Others, k.Seq = k.Others[:last], d.before
		out = d.Flush()
		d.done = next
	}
	d.done.Whole, d.done.Seq = cgroup, r.Seq
	return out
}

// killed takes the line of a kill: of one more of a whole cgroup, or of a new one.
func (d *Decoder) killed(r Record, p Process, memcg bool) (out []Kill) {
	if k := d.done; k != nil && k.Whole != "" && d.since.Text == "" {
		d.before, k.Seq = k.Seq, r.Seq
		same := func(q Process) bool { return q.PID == p.PID }
		if p.PID != k.Victim.PID && !slices.ContainsFunc(k.Others, same) { // the victim's turn comes again
			k.Others = append(k.Others, p)
		}
		return nil
	}
	out = d.Flush()
	if d.half != "" {
		verdict(&d.story, d.half)
	}
	k := d.story
	d.forget()
	k.Seq, k.At, k.Victim = r.Seq, r.At, p
	if !k.Told {
		k.Max = -1
	}
	if k.Limit == "" {
		k.Limit = Host
		if memcg {
			k.Limit = Memcg
		}
	}
	d.done = &k
	return out
}
