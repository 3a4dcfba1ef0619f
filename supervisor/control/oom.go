package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// OOMLog is the answer to `oom`: what the kernel has killed for want of memory.
type OOMLog struct {
	Kills []OOMKill `json:"kills"` // newest last
	Why   string    `json:"why"`   // why the kernel's log is not read, "" when it is
	Lost  uint64    `json:"lost"`  // records of it that were overwritten before they were read
}

// OOMKill is one OOM kill on the host, ours or not, as the kernel's log tells it.
// Numbers that it did not tell are 0.
type OOMKill struct {
	At       time.Time    `json:"at"`
	Boot     string       `json:"boot"`               // id of the boot
	Sequence uint64       `json:"sequence"`           // number of its last record in the kernel's log
	Name     string       `json:"name,omitempty"`     // full name of the instance it hit, "" none of ours
	Run      uint64       `json:"run,omitempty"`      // of that instance, 0 unknown
	Victim   OOMProcess   `json:"victim"`             // the one that was chosen
	Others   []OOMProcess `json:"others,omitempty"`   // killed along with it (memory.oom.group)
	Whole    bool         `json:"whole,omitempty"`    // its whole cgroup was killed
	Limit    string       `json:"constraint"`         // which memory ran out: host memcg cpuset memory_policy
	Cgroup   string       `json:"cgroup,omitempty"`   // of the victim, from the root of the hierarchy; "" not told
	LimitOf  string       `json:"limit_of,omitempty"` // the cgroup whose limit was hit
	Usage    int64        `json:"usage_bytes,omitempty"`
	Max      int64        `json:"limit_bytes,omitempty"` // of that cgroup; 0 none, or not told
	Swap     int64        `json:"swap_bytes,omitempty"`
	Invoker  *OOMInvoker  `json:"invoker,omitempty"`
	Holders  []OOMProcess `json:"holders,omitempty"`  // who held the most at that moment, most first
	Pressure *Pressure    `json:"pressure,omitempty"` // of the host's memory when the news came; not of what was read later
}

// OOMProcess is a process and what it held.
type OOMProcess struct {
	PID         int    `json:"pid"`
	Command     string `json:"command"` // the kernel's, 15 bytes at most
	UID         int64  `json:"uid"`     // -1 not told
	RSS         int64  `json:"rss_bytes"`
	Anon        int64  `json:"anon_bytes,omitempty"`
	File        int64  `json:"file_bytes,omitempty"`
	Shmem       int64  `json:"shmem_bytes,omitempty"`
	TotalVM     int64  `json:"total_vm_bytes"`
	Pagetables  int64  `json:"pagetables_bytes,omitempty"`
	Swap        int64  `json:"swap_bytes,omitempty"`
	OOMScoreAdj int    `json:"oom_score_adj"`
}

// OOMInvoker is the task whose allocation could not be met.
type OOMInvoker struct {
	PID         int    `json:"pid,omitempty"` // 0 not told
	Command     string `json:"command"`
	Order       int    `json:"order"` // it wanted 2^order pages
	GFP         string `json:"gfp"`
	OOMScoreAdj int    `json:"oom_score_adj"`
}

// Pressure is how many percent of the last 10 s some, or all, of the host's tasks
// waited for memory (avg10 of /proc/pressure/memory).
type Pressure struct {
	Some float64 `json:"some_avg10"`
	Full float64 `json:"full_avg10"`
}

// Words says what happened, and of what, in one sentence.
func (k OOMKill) Words() string {
	text := "the kernel killed " + k.Victim.String()
	switch {
	case k.Whole && len(k.Others) > 0:
		text += fmt.Sprintf(" and %d more, all of its cgroup", len(k.Others))
	case k.Whole:
		text += ", all of its cgroup"
	}
	text += ": " + k.cause()
	if k.Cgroup != "" && k.Cgroup != k.LimitOf {
		text += ", it was in " + k.Cgroup
	}
	return text
}

func (k OOMKill) cause() string {
	switch {
	case k.Limit == "memcg" && k.LimitOf == "":
		return "a cgroup was at its memory limit"
	case k.Limit == "memcg" && k.Max > 0:
		return fmt.Sprintf("the cgroup %s was at its memory limit of %s", k.LimitOf, Size(k.Max))
	case k.Limit == "memcg":
		return fmt.Sprintf("the cgroup %s was at its memory limit", k.LimitOf)
	case k.Limit == "cpuset":
		return "the memory nodes of its cpuset were full"
	case k.Limit == "memory_policy":
		return "the memory nodes of its memory policy were full"
	}
	return "the host was out of memory"
}

// Circumstances are further sentences: who asked, who held the most, and how
// short of memory the host was.
func (k OOMKill) Circumstances() (out []string) {
	if in := k.Invoker; in != nil && in.Order < 0 {
		out = append(out, "somebody had asked the kernel for a kill (sysrq)")
	} else if in != nil {
		who := in.Command
		if in.PID > 0 {
			who += fmt.Sprintf(" (pid %d)", in.PID)
		}
		out = append(out, "found out when "+who+" wanted memory")
	}
	if len(k.Holders) > 0 {
		most := make([]string, len(k.Holders))
		for i, h := range k.Holders {
			most[i] = fmt.Sprintf("%s (pid %d) %s", h.Command, h.PID, Size(h.RSS))
		}
		out = append(out, "the most was held by "+strings.Join(most, ", "))
	}
	if p := k.Pressure; p != nil {
		out = append(out, fmt.Sprintf("of the 10 s before, some tasks of the host waited for memory %.0f%%, all of them %.0f%%", p.Some, p.Full))
	}
	return out
}

// String is the process in a few words: "php (pid 4711, uid 33, 44M)".
func (p OOMProcess) String() string {
	uid := ""
	if p.UID >= 0 {
		uid = fmt.Sprintf(", uid %d", p.UID)
	}
	return fmt.Sprintf("%s (pid %d%s, %s)", p.Command, p.PID, uid, Size(p.RSS))
}

func (s *Server) oom(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "n")
	if err != nil {
		return err
	}
	n, err := number(q, "n", 0)
	if err != nil {
		return err
	}
	log := s.daemon.OOM(r.Context())
	if kept := uint64(len(log.Kills)); n > 0 && n < kept {
		log.Kills = log.Kills[kept-n:]
	}
	log.Kills = list(log.Kills)
	answer(w, http.StatusOK, log)
	return nil
}

// OOM returns the newest n of the OOM kills that are kept, 0 all of them.
func (c *Client) OOM(ctx context.Context, n uint64) (OOMLog, error) {
	var l OOMLog
	return l, c.get(ctx, "oom", url.Values{"n": {strconv.FormatUint(n, 10)}}, &l)
}
