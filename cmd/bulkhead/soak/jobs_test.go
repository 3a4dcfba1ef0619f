package soak

import (
	"strings"
)

// entry is one line of the queue's ledger; ledger.php says what they mean.
type entry struct {
	Event   string
	ID      string
	Job     string
	Attempt int
	PID     int
	Error   string
}

// jobCount is what became of the jobs.
type jobCount struct{ pushed, finished, cut, lost, twice int }

// balloon is the job that outgrows its worker's limit: the kernel kills its worker,
// the queue gives it out once more, and there it fails for having no try left. No other
// job may be given out twice.
const balloon = "Balloon"

// checkJobs holds the ledger against how each job ends when nothing happens to
// its worker, and returns how many ended in each process.
func (s *soak) checkJobs(all []entry) map[int]int64 {
	byID, ends := map[string][]entry{}, map[int]int64{}
	for _, e := range all {
		byID[e.ID] = append(byID[e.ID], e)
		if e.Event == "done" || e.Event == "failed" {
			ends[e.PID]++
		}
	}
	n := &s.table.jobs
	for _, id := range sortedKeys(byID) {
		story := byID[id]
		n.pushed++
		want := "pushed started done"
		if story[0].Job == balloon {
			want = "pushed started started failed:MaxAttemptsExceededException"
			n.cut++
		}
		var words []string
		started, ended := 0, 0
		for _, e := range story {
			word := e.Event
			if e.Error != "" {
				word += ":" + e.Error
			}
			words = append(words, word)
			switch e.Event {
			case "started":
				started++
			case "done", "failed":
				ended++
			}
		}
		n.finished += min(ended, 1)
		if got := strings.Join(words, " "); got != want {
			s.fault("job %s: %s, want %s: %+v", id, got, want, story)
			if ended == 0 {
				n.lost++
			}
			if story[0].Job != balloon && started > 1 || ended > 1 {
				n.twice++
			}
			continue
		}
		if a, z := story[len(story)-2], story[len(story)-1]; a.PID != z.PID {
			s.fault("job %s was started by %d and ended by %d", id, a.PID, z.PID)
		}
	}
	return ends
}
