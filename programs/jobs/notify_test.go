package jobs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNotify(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Notify
		err  string
	}{
		{in: ""},
		{in: "READY=1", want: Notify{Ready: true}},
		{in: "READY=1\n", want: Notify{Ready: true}},
		{in: "READY=0\nSTOPPING=\nWATCHDOG=\nWATCHDOG=2"},
		{in: "WATCHDOG=trigger", want: Notify{Trigger: true}},
		{in: "WATCHDOG=1\nWATCHDOG=trigger", want: Notify{Watchdog: true, Trigger: true}},
		{in: "READY=1\nREADY=0", want: Notify{Ready: true}},
		{in: "STOPPING=1\nWATCHDOG=1", want: Notify{Stopping: true, Watchdog: true}},
		{in: "STATUS=half = done\n", want: Notify{Status: "half = done"}},
		{in: "STATUS=a\tb\x1b[31mc\xff", want: Notify{Status: "a b [31mc?"}},
		{in: "STATUS=" + strings.Repeat("é", 200), want: Notify{Status: strings.Repeat("é", 128)}},
		{in: "STATUS=a" + strings.Repeat("é", 200), want: Notify{Status: "a" + strings.Repeat("é", 127)}},
		{in: "JOBS_DONE=1", want: Notify{JobsDone: 1}},
		{in: "JOBS_DONE=0", want: Notify{}},
		{in: "JOBS_DONE=2\nJOBS_DONE=3", want: Notify{JobsDone: 5}},
		{in: "MAINPID=12\nFDSTORE=1\nnonsense\njobs_done=4"},
		{in: "JOBS_DONE=-1\nREADY=1", want: Notify{Ready: true}, err: `cannot read notify line "JOBS_DONE=-1": want a number of jobs from 0 to 2147483647`},
		{in: "JOBS_DONE=", err: `"JOBS_DONE="`},
		{in: "JOBS_DONE", err: `"JOBS_DONE"`},
		{in: "JOBS_DONE=1.5", err: `"JOBS_DONE=1.5"`},
		{in: "JOBS_DONE=2147483648", err: `"JOBS_DONE=2147483648"`},
		{in: "JOBS_DONE=2147483647\nJOBS_DONE=1", want: Notify{JobsDone: 2147483647}, err: `"JOBS_DONE=1"`},
	} {
		got, err := ParseNotify([]byte(c.in))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.in, diff)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: error %v, want %q", c.in, err, c.err)
		}
	}
}
