package state

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// The test program is also what some tests start.
const helperVar = "STATE_TEST_HELPER"

var helpers = map[string]func() error{
	"hold":    holdHelper,
	"exec":    execHelper,
	"inherit": inheritHelper,
	"count":   countHelper,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVar); name != "" {
		if err := helpers[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// helper is a command that runs one of the helpers.
func helper(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), helperVar+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// texts are documents as strings, for comparison.
func texts(l Loaded) map[string]string {
	out := map[string]string{}
	for key, doc := range l.Documents {
		out[key] = string(doc)
	}
	return out
}

// load reads dir and wants it sound.
func load(t *testing.T, dir string) map[string]string {
	t.Helper()
	l, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Problems {
		t.Errorf("problem: %v", p)
	}
	return texts(l)
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("documents (-want +got):\n%s", d)
	}
}

// raw makes a Loaded of texts.
func raw(docs map[string]string) Loaded {
	l := Loaded{Documents: map[string]json.RawMessage{}}
	for key, doc := range docs {
		l.Documents[key] = json.RawMessage(doc)
	}
	return l
}

// troubles collects what onTrouble is told.
type troubles chan error

func (c troubles) tell(err error) { c <- err }

// next waits for what is told.
func (c troubles) next(t *testing.T) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
		return nil
	}
}

// none wants that nothing was told.
func (c troubles) none(t *testing.T) {
	t.Helper()
	select {
	case err := <-c:
		t.Errorf("told: %v", err)
	default:
	}
}
