package supervisor

import "testing"

func TestServiceIn(t *testing.T) {
	for table, want := range map[string]string{
		"0::/bulkhead.slice/bulkhead.service/.control\n":                         "bulkhead.service",
		"0::/system.slice/x.service\n":                                           "x.service",
		"4:memory:/a.service\n0::/user.slice/user@0.service/app.slice/y.service": "y.service",
		"4:memory:/a.service\n":                                                  "",
		"0::/user.slice/x.scope\n":                                               "",
		"0::/\n":                                                                 "",
		"":                                                                       "",
	} {
		if got := serviceIn(table); got != want {
			t.Errorf("serviceIn(%q) = %q, want %q", table, got, want)
		}
	}
}
