package conf

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// decode fills dst, a pointer to a raw struct, from a TOML table. It goes on
// after a problem, which the TOML library's own decoding does not, and takes
// key names as they are written: Command is not command.
func (r *report) decode(at place, table map[string]any, dst any) {
	r.decodeStruct(at, table, reflect.ValueOf(dst).Elem())
}

func (r *report) decodeStruct(at place, table map[string]any, dst reflect.Value) {
	fields := tagged(dst)
	for key, value := range table {
		field, ok := fields[key]
		if !ok {
			r.problem(at.at(key), unknownKey(at.path, key))
			continue
		}
		r.decodeValue(at.at(key), value, field)
	}
}

func (r *report) decodeValue(at place, value any, dst reflect.Value) {
	if dst.Kind() == reflect.Pointer {
		fresh := reflect.New(dst.Type().Elem())
		if f := fresh.Interface().(leaf).decode(value); f != nil {
			r.problem(at, f)
			return
		}
		dst.Set(fresh)
		return
	}
	if dst.Kind() == reflect.Slice {
		r.decodeTables(at, value, dst)
		return
	}
	table, ok := value.(map[string]any)
	if !ok {
		r.problem(at, mismatch(value, "a table", fmt.Sprintf("write [%s] and its keys below", at.key())))
		return
	}
	if dst.Kind() == reflect.Struct {
		r.decodeStruct(at, table, dst)
		return
	}
	dst.Set(reflect.MakeMap(dst.Type())) // [programs.NAME]
	for key, value := range table {
		fresh := reflect.New(dst.Type().Elem().Elem())
		r.decodeValue(at.at(key), value, fresh.Elem())
		dst.SetMapIndex(reflect.ValueOf(key), fresh)
	}
}

// decodeTables reads an array of tables: [[supervisor.servers]].
func (r *report) decodeTables(at place, value any, dst reflect.Value) {
	tables, ok := value.([]map[string]any)
	if !ok {
		r.problem(at, mismatch(value, "a list of tables", fmt.Sprintf("write [[%s]] and its keys below", at.key())))
		return
	}
	list := reflect.MakeSlice(dst.Type(), len(tables), len(tables))
	for i, table := range tables {
		r.decodeStruct(at.at(strconv.Itoa(i)), table, list.Index(i))
	}
	dst.Set(list)
}

// tagged returns the fields of a raw struct by key, embedded ones included.
func tagged(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Anonymous {
			for key, inner := range tagged(v.Field(i)) {
				fields[key] = inner
			}
		} else {
			fields[f.Tag.Get("toml")] = v.Field(i)
		}
	}
	return fields
}

// fill sets every nil key of dst, a raw struct, to src's.
func fill[T any](dst, src *T) {
	fillStruct(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem())
}

func fillStruct(dst, src reflect.Value) {
	for i := range dst.NumField() {
		switch d, s := dst.Field(i), src.Field(i); {
		case d.Kind() == reflect.Struct:
			fillStruct(d, s)
		case d.IsNil():
			d.Set(s)
		}
	}
}

// unknownKey says what key was probably meant in the table at path: the same
// name in another table, or a similar one here.
func unknownKey(path []string, key string) *fault {
	where := tableName(path)
	inProgram := len(path) > 1 && path[0] == "programs"
	var here, elsewhere []string
	for _, doc := range Reference() {
		if doc.Where == where {
			here = append(here, doc.Name)
		} else if doc.Where != notifyTable && doc.Name == key && strings.HasPrefix(doc.Where, programTable) == inProgram {
			table := strings.Split(doc.Where, ".")
			if inProgram {
				table[1] = path[1]
			}
			elsewhere = append(elsewhere, "["+toml.Key(table).String()+"]")
		}
	}
	here = append(here, subTables(where)...)
	hint := "remove it; the keys here are " + strings.Join(here, ", ")
	if len(elsewhere) > 0 {
		hint = "it belongs in " + strings.Join(elsewhere, " or ")
	} else if near := nearest(key, here); near != "" {
		hint = "write " + near
	} else if where == programTable {
		hint = "remove it, or see the list of keys"
	}
	return faultf(hint, "unknown key %q", key)
}

const (
	programTable = "programs.NAME"
	groupTable   = "groups.NAME"
	serverTable  = "supervisor.servers"
	notifyTable  = "notify"
)

// tableName is path as the reference writes it: programs.NAME.limits.
func tableName(path []string) string {
	switch {
	case len(path) > 1 && path[0] == "programs":
		return strings.Join(append([]string{programTable}, path[2:]...), ".")
	case len(path) > 1 && path[0] == "groups":
		return groupTable
	case len(path) > 1 && path[0] == "notify":
		return notifyTable
	case len(path) > 2 && path[1] == "servers":
		return serverTable
	}
	return strings.Join(path, ".")
}

func subTables(where string) []string {
	switch where {
	case "":
		return []string{"supervisor", "host", "notify", "groups", "programs"}
	case "supervisor":
		return []string{"servers"}
	case programTable:
		return []string{"limits", "total", "recycle", "health", "listener", "fcgi"}
	}
	return nil
}
