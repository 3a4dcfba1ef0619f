package conf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Recall reads back the programs that a supervisor has written down as JSON.
// now is the configuration as it is read today. A key that the writer did not
// know yet, an older version, has today's value of the program of the same name:
// so that a new version alone changes no program.
func Recall(written []byte, now *Config) ([]Program, error) {
	// As a rule nothing is another than what was written down; to read it takes
	// six times as long as to find that out.
	if same, err := json.Marshal(now.Programs); err == nil && bytes.Equal(same, written) {
		return slices.Clone(now.Programs), nil
	}
	var old []map[string]any
	if err := unmarshal(written, &old); err != nil {
		return nil, fmt.Errorf("cannot recall the programs: %v", err)
	}
	today := map[string]Program{}
	for _, p := range now.Programs {
		today[p.Name] = p
	}
	out := make([]Program, len(old))
	for i, keys := range old {
		name, _ := keys["Name"].(string)
		p, known := today[name]
		if known {
			if err := complete(keys, p); err != nil {
				return nil, fmt.Errorf("cannot recall program %q: %v", name, err)
			}
		}
		if err := remarshal(keys, &out[i]); err != nil {
			return nil, fmt.Errorf("cannot recall program %q: %v", name, err)
		}
		if out[i].GroupName == "" { // of a version without groups, and configured no more
			out[i].GroupName = name
		}
		out[i].src = p.src
	}
	return out, nil
}

// complete gives keys what they lack of the program p.
func complete(keys map[string]any, p Program) error {
	var all map[string]any
	if err := remarshal(p, &all); err != nil {
		return err
	}
	fillIn(keys, all)
	return nil
}

// fillIn adds the keys that are missing, of tables inside too. Variables are no
// keys: one that is missing was not there.
func fillIn(keys, all map[string]any) {
	for k, v := range all {
		was, there := keys[k]
		if !there {
			keys[k] = v
			continue
		}
		old, ok := was.(map[string]any)
		if next, also := v.(map[string]any); ok && also && k != "Environment" {
			fillIn(old, next)
		}
		list, ok := was.([]any)
		if next, also := v.([]any); ok && also && k == "Instances" {
			fillInstances(list, next)
		}
	}
}

// fillInstances completes each instance by the first of today: what a new
// version adds is the same for all, or computed anew at the next start.
func fillInstances(list, next []any) {
	if len(next) == 0 {
		return
	}
	first, _ := next[0].(map[string]any)
	for _, in := range list {
		if in, ok := in.(map[string]any); ok {
			fillIn(in, first)
		}
	}
}

func remarshal(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return unmarshal(b, to)
}

// unmarshal keeps numbers as they are written: Unlimited is no float64.
func unmarshal(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(to)
}
