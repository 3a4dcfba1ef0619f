package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	t.Setenv("GUEST_TEST_VALUE", "from outside")
	t.Chdir(t.TempDir())
	here, err := filepath.EvalSymlinks(".")
	if err != nil {
		t.Fatal(err)
	}
	here, _ = filepath.Abs(here)
	plain := options{
		command: []string{"true"}, dir: here, timeout: 20 * time.Minute, silence: 3 * time.Minute,
		memory: "2G", cpus: 2, accel: "tcg", cache: filepath.Join(here, ".cache", "guest"),
	}
	with := func(change func(*options)) options { o := plain; change(&o); return o }
	for _, tt := range []struct {
		args string
		want options
		err  string
	}{
		{args: "true", want: plain},
		{args: "-- true", want: plain},
		{args: "-guest true", want: with(func(o *options) { o.lane = laneGuest })},
		{args: "-direct true", want: with(func(o *options) { o.lane = laneDirect })},
		{args: "-which", want: with(func(o *options) { o.which, o.command = true, []string{} })},
		{args: "-- ./a.test -test.v", want: with(func(o *options) { o.command = []string{here + "/a.test", "-test.v"} })},
		{args: "-cd sub -out kept true", want: with(func(o *options) { o.dir, o.out = here+"/sub", here+"/kept" })},
		{args: "-env A=b=c -env GUEST_TEST_VALUE -env GUEST_TEST_UNSET true",
			want: with(func(o *options) { o.env = []string{"A=b=c", "GUEST_TEST_VALUE=from outside"} })},
		{args: "-memory 3G -cpus 4 -kernel 6.1 -accel kvm -swap 512M -timeout 90s -silence 40s true", want: with(func(o *options) {
			o.memory, o.cpus, o.kernel, o.accel, o.swap, o.timeout, o.silence = "3G", 4, "6.1", "kvm", "512M", 90*time.Second, 40*time.Second
		})},
		{args: "", err: "no command"},
		{args: "-guest", err: "no command"},
		{args: "-init runit true", err: "-init runit"},
		{args: "-init systemd -direct true", err: "exclude each other"},
		{args: "-guest -direct true", err: "exclude each other"},
		{args: "-cpus 0 true", err: "-cpus 0"},
		{args: "-timeout 0s true", err: "-timeout 0s"},
		{args: "-silence 10s true", err: "-silence 10s"},
		{args: "-env =x true", err: "want NAME=VALUE"},
		{args: "-nonsense true", err: "nonsense"},
	} {
		got, err := parseOptions(strings.Fields(tt.args), io.Discard)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("parseOptions(%q): error %v, want %q in it", tt.args, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("parseOptions(%q): %v", tt.args, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(options{}), cmp.Comparer(func(a, b envFlag) bool {
			return strings.Join(a, "\n") == strings.Join(b, "\n")
		})); diff != "" {
			t.Errorf("parseOptions(%q) (-want +got):\n%s", tt.args, diff)
		}
	}
}
