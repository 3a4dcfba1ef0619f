package spawn

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnviron(t *testing.T) {
	base := []string{"PATH=/bin", "HOME=/root", "EMPTY=", "junk", "=junk", "TWICE=1", "TWICE=2", "APP_ENV=dev"}
	got := Environ(base,
		UserEnv("www-data", "/var/www"),
		map[string]string{"APP_ENV": "local", "B": "2", "A": "1=1"},
		InstanceEnv("queue_03", "queue"),
		map[string]string{"APP_ENV": "production", "SUPERVISOR_ENABLED": "no"},
		nil)
	want := []string{
		"PATH=/bin", "HOME=/var/www", "EMPTY=", "TWICE=2", "APP_ENV=production",
		"LOGNAME=www-data", "USER=www-data", "A=1=1", "B=2",
		"SUPERVISOR_ENABLED=no", "SUPERVISOR_GROUP_NAME=queue", "SUPERVISOR_PROCESS_NAME=queue_03",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	find := Lookup([]string{"A=1", "A=2", "B="})
	for key, want := range map[string]string{"A": "2 true", "B": " true", "C": " false"} {
		v, ok := find(key)
		if got := v + map[bool]string{true: " true", false: " false"}[ok]; got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Setenv("PATH", "/own:/bin")
	for _, c := range []struct {
		command string
		env     []string
		want    []string
	}{
		{"php", []string{"PATH=/a:/b"}, []string{"/a/php", "/b/php"}},
		{"php", []string{"PATH=/a", "PATH=/b"}, []string{"/b/php"}},
		{"php", []string{"PATH=.::bin:/a/"}, []string{"/a/php"}},
		{"php", nil, []string{"/own/php", "/bin/php"}},
		{"php", []string{"PATH="}, []string{"/bin/php"}},
		{"./php", []string{"PATH=/a"}, []string{"./php"}},
		{"/x/php", []string{"PATH=/a"}, []string{"/x/php"}},
		{"bin/php", nil, []string{"bin/php"}},
	} {
		if diff := cmp.Diff(c.want, Candidates(c.command, c.env)); diff != "" {
			t.Errorf("%s with %q: %s", c.command, c.env, diff)
		}
	}
	t.Setenv("PATH", "")
	if diff := cmp.Diff([]string{"/bin/php", "/usr/bin/php", "/usr/local/bin/php"}, Candidates("php", nil)); diff != "" {
		t.Error(diff)
	}
}
