package xmlrpc

import "fmt"

// Array is XML-RPC's array.
type Array []any

// Struct is XML-RPC's struct, its members in the order of the wire.
type Struct []Member

// Member is one of a [Struct].
type Member struct {
	Name  string
	Value any
}

// Get returns a member's value, nil when there is none. Of two of the same name
// the last one counts, as in Python.
func (s Struct) Get(name string) any {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].Name == name {
			return s[i].Value
		}
	}
	return nil
}

// Fault is an answer that says why there is none.
type Fault struct {
	Code   int
	String string
}

func (f *Fault) Error() string { return fmt.Sprintf("<Fault %d: %q>", f.Code, f.String) }

// Call is a request.
type Call struct {
	Method string
	Params Array
}
