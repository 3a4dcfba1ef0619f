package conf

import (
	"encoding/json"
	"strings"
	"testing"
)

// recall writes the programs down, changes the text, and reads it back.
func recall(t *testing.T, c *Config, change func(string) string, now *Config) []Program {
	t.Helper()
	text, err := json.Marshal(c.Programs)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Recall([]byte(change(string(text))), now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(s string) string { return s }

func TestRecallIsWhatWasWritten(t *testing.T) {
	c := readGood(t, "full.toml")
	again := *c
	again.Programs = recall(t, c, same, c)
	if d := Diff(c, &again); !d.Empty() {
		t.Errorf("written and read back it differs: %+v", d)
	}
	again.Programs = recall(t, c, func(s string) string { return s + " " }, c)
	if d := Diff(c, &again); !d.Empty() {
		t.Errorf("written otherwise and read back it differs: %+v", d)
	}
	alone := *c
	alone.Programs = recall(t, c, same, &Config{})
	if d := Diff(c, &alone); !d.Empty() {
		t.Errorf("without today's programs it differs: %+v", d)
	}
	p := again.Programs[len(again.Programs)-1]
	if _, err := p.WithNumprocs(3); err != nil {
		t.Errorf("it cannot be scaled: %v", err)
	}
}

// TestRecallOlder: what an older version did not write is as it is today.
func TestRecallOlder(t *testing.T) {
	c := readGood(t, "full.toml")
	older := recall(t, c, func(s string) string {
		for _, key := range []string{`"LeftoverWait":`, `"Overlap":`, `"MemorySwapMax":`, `"RedirectStderr":`} {
			if !strings.Contains(s, key) {
				t.Fatalf("%s is not written", key)
			}
			s = strings.ReplaceAll(s, key, `"Unheard`+key[1:])
		}
		return s
	}, c)
	again := *c
	again.Programs = older
	if d := Diff(c, &again); !d.Empty() {
		t.Errorf("an older version's text changes programs: %+v", d)
	}
}

// TestRecallVariables: a variable that is new today was not there then.
func TestRecallVariables(t *testing.T) {
	now := readGood(t, "full.toml")
	then := recall(t, now, same, now)
	for i := range then {
		for j := range then[i].Instances {
			then[i].Instances[j].Environment = nil
		}
	}
	old := &Config{Programs: then}
	for i, p := range recall(t, old, same, now) {
		for _, in := range p.Instances {
			if len(in.Environment) > 0 {
				t.Errorf("program %d: %v came out of nothing", i, in.Environment)
			}
		}
	}
}

func TestRecallNonsense(t *testing.T) {
	for _, text := range []string{"", "{}", "[1]", `[{"Name":"x","StopWait":"soon"}]`, `[{"Name":7}]`} {
		if _, err := Recall([]byte(text), &Config{}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func readGood(t *testing.T, name string) *Config {
	t.Helper()
	c, _, err := Read("testdata/good/"+name, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInstanceNamed(t *testing.T) {
	c := mustRead(t, "[programs.queue]\ncommand = \"true\"\nnumprocs = 2\n")
	p := c.Programs[0]
	for name, want := range map[string]bool{"queue_00": true, "queue_01": true, "queue_07": true, "queue": true, "queue_1": false, "": false, "other": false} {
		in, ok := p.InstanceNamed(name)
		if ok != want || ok && in.Name != name {
			t.Errorf("%q: %v %q", name, ok, in.Name)
		}
	}
}
