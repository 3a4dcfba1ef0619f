package conf

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// keysOf lists the keys of a raw struct as where.name, with their fields.
func keysOf(v reflect.Value, where string, into map[string]reflect.Value) {
	for key, field := range tagged(v) {
		switch {
		case field.Kind() == reflect.Map:
			keysOf(reflect.New(field.Type().Elem().Elem()).Elem(), key+".NAME", into)
		case field.Kind() == reflect.Slice:
			keysOf(reflect.New(field.Type().Elem()).Elem(), strings.TrimPrefix(where+"."+key, "."), into)
		case field.Kind() == reflect.Struct:
			keysOf(field, strings.TrimPrefix(where+"."+key, "."), into)
		default:
			into[where+"."+key] = field
		}
	}
}

func TestReferenceIsComplete(t *testing.T) {
	fields := map[string]reflect.Value{}
	keysOf(reflect.ValueOf(&rawFile{}).Elem(), "", fields)
	documented := map[string]bool{}
	for _, doc := range Reference() {
		full := doc.Where + "." + doc.Name
		if documented[full] {
			t.Errorf("%s is there twice", full)
		}
		documented[full] = true
		if _, ok := fields[full]; !ok {
			t.Errorf("%s cannot be decoded", full)
		}
		if doc.Type == "" || !strings.HasSuffix(doc.Meaning, ".") || strings.Count(doc.Meaning, ". ") > 0 {
			t.Errorf("%s: type %q, meaning %q", full, doc.Type, doc.Meaning)
		}
	}
	for full := range fields {
		if !documented[full] {
			t.Errorf("%s has no entry", full)
		}
	}
}

// A default that the reference writes as TOML is the one in defaults.go; the
// others are words about something that depends.
func TestReferenceDefaults(t *testing.T) {
	words := map[string]bool{}
	for _, full := range []string{"supervisor.socket", "supervisor.state_dir", "supervisor.socket_owner", "supervisor.log_file", "supervisor.childlogdir", "supervisor.servers.owner",
		"programs.NAME.startretries", "programs.NAME.pause_signal", "programs.NAME.resume_signal",
		"programs.NAME.limits.cpu_weight", "programs.NAME.limits.io_weight", "programs.NAME.total.cpu_weight", "programs.NAME.total.io_weight"} {
		words[full] = true
	}
	fields := map[string]reflect.Value{}
	keysOf(reflect.ValueOf(ptr(supervisorDefaults(testEnv()))).Elem(), "supervisor", fields)
	keysOf(reflect.ValueOf(ptr(hostDefaults())).Elem(), "host", fields)
	keysOf(reflect.ValueOf(ptr(serverDefaults())).Elem(), serverTable, fields)
	keysOf(reflect.ValueOf(ptr(groupDefaults())).Elem(), groupTable, fields)
	keysOf(reflect.ValueOf(ptr(notifyDefaults())).Elem(), notifyTable, fields)
	keysOf(reflect.ValueOf(programDefaults()).Elem(), programTable, fields)
	literals := 0
	for _, doc := range Reference() {
		full := doc.Where + "." + doc.Name
		field := fields[full]
		table := map[string]any{}
		if _, err := toml.Decode("x = "+doc.Default, &table); err != nil {
			if !field.IsNil() && !words[full] {
				t.Errorf("%s: the reference says %q, defaults.go has %v", full, doc.Default, field.Elem())
			}
			continue
		}
		literals++
		want := reflect.New(field.Type().Elem())
		if f := want.Interface().(leaf).decode(table["x"]); f != nil {
			t.Errorf("%s: %v", full, f)
			continue
		}
		if field.IsNil() || !reflect.DeepEqual(field.Elem().Interface(), want.Elem().Interface()) {
			t.Errorf("%s: the reference says %s, defaults.go has %v", full, doc.Default, field)
		}
	}
	if literals < 40 {
		t.Errorf("only %d defaults were compared", literals)
	}
}

// The example file uses every key.
func TestExampleIsComplete(t *testing.T) {
	used := map[string]bool{}
	for _, path := range []string{"testdata/good/full.toml", "testdata/good/conf.d/mailer.toml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var table map[string]any
		md, err := toml.Decode(string(data), &table)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range md.Keys() {
			used[tableName(key[:len(key)-1])+"."+key[len(key)-1]] = true
		}
	}
	for _, doc := range Reference() {
		if !used[doc.Where+"."+doc.Name] {
			t.Errorf("%s.%s is in no example", doc.Where, doc.Name)
		}
	}
}

// A preset is made of ordinary keys.
func TestPresetKeys(t *testing.T) {
	var known []string
	for _, doc := range Reference() {
		if doc.Where == programTable {
			known = append(known, doc.Name)
		}
	}
	for _, p := range Presets() {
		table := map[string]any{}
		if _, err := toml.Decode(p.Keys, &table); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		for key := range table {
			if !slices.Contains(known, key) {
				t.Errorf("%s: %s", p.Name, key)
			}
		}
		got, err := toml.Marshal(rawTable(preset(p.Name)))
		if err != nil || len(table) > 0 != (len(got) > 0) {
			t.Errorf("%s: decoded to %q (%v)", p.Name, got, err)
		}
	}
	if diff := cmp.Diff([]string{"generic", "laravel", "horizon", "symfony-messenger"}, presetNames()); diff != "" {
		t.Error(diff)
	}
}

// rawTable lists what is set in a raw program.
func rawTable(raw *rawProgram) map[string]bool {
	fields := map[string]reflect.Value{}
	keysOf(reflect.ValueOf(raw).Elem(), programTable, fields)
	set := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !fields[key].IsNil() {
			set[key] = true
		}
	}
	return set
}
