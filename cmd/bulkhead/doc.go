// Command bulkhead runs queue workers and services, each instance in its own
// cgroup, and controls a supervisor that does.
//
// It owns the command line: what the user meant, how output looks (print.go)
// and what the exit code is (exit.go). It never decides about programs: serve
// hands over to package supervisor, ctl asks a running one over its socket.
//
// One file per verb: serve.go, check.go, doctor.go, version.go, ctl.go and ctl_<verb>.go.
// Called by the name supervisorctl the program is package supervisorctl, and so
// is ctl where a supervisord answers.
// ctl prints what supervisorctl prints, to the letter where supervisorctl has
// the verb, and ends with its exit codes.
package main
