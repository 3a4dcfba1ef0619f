// Package likeness holds the tests that set Debian's supervisord and bulkhead
// side by side: the same INI files, the same calls, the same programs, and what
// can be seen of both must be equal.
//
// Both are called as `supervisord -n -c FILE`; bulkhead through a link of that
// name. A script (testdata/PART/script.txt, script_test.go) is played to each by
// testdata/session.py, through Debian's supervisorctl, through bulkhead as
// supervisorctl, and through Python's XML-RPC. What comes of it is a list of
// facts (fact_test.go): where, and what was said there, with process ids, times
// and folders masked (mask_test.go). Two lists are compared fact by fact.
//
// A difference fails, unless testdata/differences.txt names it with its reason;
// an entry that no comparison needs fails, too. docs/supervisord-differences.md
// is made of that table:
//
//	go test ./cmd/bulkhead/likeness -run TestDifferencesPage -update
//
// BULKHEAD_LIKENESS names a folder that holds the supervisord and supervisorctl to
// be tested instead of bulkhead. With /usr/bin the real one is compared with itself,
// which shows that masks and scripts leave nothing to chance; and with
// testdata/planted a real one with one mistake in every part, each of which must
// be found.
//
// Start reading at fact_test.go, then daemon_test.go, then ctl_test.go.
package likeness
