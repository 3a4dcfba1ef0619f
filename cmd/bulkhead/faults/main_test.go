package faults_test

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// roleKey names, in the environment, what this binary is instead of a test.
const roleKey = "BULKHEAD_FAULTS_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleKey); role {
	case "":
		os.Exit(m.Run())
	case "filter":
		os.Unsetenv(roleKey)
		underFilter()
	case "note":
		note()
	default:
		fail("unknown role %q", role)
	}
}

// note is a worker that says when it is up and that it has done a job, and then
// prints a line for every SIGUSR1.
func note() {
	asked := make(chan os.Signal, 8)
	signal.Notify(asked, syscall.SIGUSR1)
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		fail("cannot reach the notify socket: %v", err)
	}
	for _, text := range []string{"READY=1", "JOBS_DONE=1"} {
		if _, err := conn.Write([]byte(text)); err != nil {
			fail("cannot notify: %v", err)
		}
	}
	for i := 1; ; i++ {
		<-asked
		fmt.Println(noteLine(os.Getpid(), i))
	}
}

func noteLine(pid, i int) string { return fmt.Sprintf("process %d was asked %d times", pid, i) }
