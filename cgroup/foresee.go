package cgroup

import "golang.org/x/sys/unix"

// Foresee says what Open would come to, as far as can be told without writing
// anything, and why it would not hold limits.
func Foresee(o Options) (Mode, string) {
	if o.Name == "" {
		o.Name = defaultName
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Mode == "off" {
		return None, whyOff
	}
	h, err := look(o)
	if err != nil {
		return None, "limits cannot be held: cannot find the cgroups: " + err.Error() + "; mount /proc"
	}
	var first error
	for _, s := range sites(h, o.Name) {
		if err := writable(s.dir); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		t := &Tree{mode: Tracking, top: s.dir + "/" + o.Name}
		if hasMemory(s.dir) {
			t.mode = Enforced
			t.controllers = words(s.dir + "/cgroup.controllers")
		}
		return t.mode, whyNot(h, t, nil)
	}
	return None, whyNot(h, &Tree{}, first)
}

// writable asks for what build needs: to make a directory, and to leave.
func writable(dir string) error {
	for _, path := range []string{dir, dir + "/cgroup.procs"} {
		if err := unix.Access(path, unix.W_OK); err != nil {
			return &accessError{path, err}
		}
	}
	return nil
}

type accessError struct {
	path string
	err  error
}

func (e *accessError) Error() string { return "cannot write to \"" + e.path + "\": " + e.err.Error() }
func (e *accessError) Unwrap() error { return e.err }
