package spawn

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"bulkhead/supervisor/spawn/nofile"

	"golang.org/x/sys/unix"
)

// The test binary is also the program of children that need Go to look.
func TestMain(m *testing.M) {
	switch os.Getenv("SPAWN_TEST_ROLE") {
	case "":
		if err := Prepare(); err != nil { // what it opens stays open
			panic(err)
		}
		os.Exit(m.Run())
	case "fail":
		failAsNobody()
	case "foreground":
		startForeground()
	}
}

// asNobody starts this binary again without root's rights.
func asNobody(role string) Spec {
	s := spec("/proc/self/exe")
	s.Env = append(s.Env, "SPAWN_TEST_ROLE="+role)
	s.Cred = &Credential{UID: 65534, GID: 65534}
	s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 200, 20000}}
	return s
}

func failAsNobody() {
	try := func(change func(*Spec)) error {
		s := spec("true")
		change(&s)
		c, err := Start(context.Background(), s)
		if err != nil {
			return err
		}
		for ok := false; !ok; _, ok, _ = c.TryWait() {
			runtime.Gosched()
		}
		return nil
	}
	fmt.Println(try(func(s *Spec) { s.Cred = &Credential{UID: 33, GID: 33} }))
	fmt.Println(try(func(s *Spec) { s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 30000, 30000}} }))
	fmt.Println(try(func(s *Spec) { s.Nice, s.NiceSet = -5, true }))
	var now unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &now)
	fmt.Println("born with", nofile.Soft, nofile.Hard, "raised by Go:", now.Cur > nofile.Soft)
	fmt.Println("child:", try(func(s *Spec) {
		s.Argv, s.Stdout = []string{"sh", "-c", "ulimit -Sn; ulimit -Hn"}, 1
	}))
	fmt.Println("itself:", try(func(s *Spec) { s.Cred = &Credential{UID: 65534, GID: 65534} }))
}
