package rpc

import (
	"context"
	"strconv"
	"strings"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/xmlrpc"
)

// apiVersion is what supervisorctl demands.
const apiVersion = "3.0"

// Interface answers calls for a [Supervisor].
type Interface struct {
	super Supervisor
}

// New returns the interface of a supervisor.
func New(s Supervisor) *Interface { return &Interface{s} }

// Call carries one call out. Its error is an [*xmlrpc.Fault].
func (i *Interface) Call(ctx context.Context, c xmlrpc.Call) (any, error) {
	v, err := i.call(ctx, c)
	if err != nil {
		return nil, faultOf(err)
	}
	return v, nil
}

func (i *Interface) call(ctx context.Context, c xmlrpc.Call) (any, error) {
	if c.Method == "system.multicall" {
		a, err := systemMethods["multicall"].check(c.Params)
		if err != nil {
			return nil, err
		}
		return i.multicall(ctx, a.list(0)), nil
	}
	m, ok := find(c.Method)
	if !ok {
		return nil, fault(UnknownMethod, "")
	}
	a, err := m.check(c.Params)
	if err != nil {
		return nil, err
	}
	if !m.always && i.super.About().State < Running {
		return nil, fault(ShutdownState, "")
	}
	return m.call(ctx, i, a)
}

// find returns the method that a call names: exactly namespace.method.
func find(full string) (method, bool) {
	namespace, name, _ := strings.Cut(full, ".")
	switch namespace {
	case "supervisor":
		m, ok := methods[name]
		return m, ok
	case "bulkhead":
		m, ok := own[name]
		return m, ok
	case "system":
		m, ok := systemMethods[name]
		return m, ok
	}
	return method{}, false
}

// multicall carries calls out one after the other. Each answer is the bare value:
// so does supervisord, and not as others do in an array of one. A call that fails is a
// struct in its place.
func (i *Interface) multicall(ctx context.Context, calls xmlrpc.Array) xmlrpc.Array {
	out := make(xmlrpc.Array, 0, len(calls))
	for _, one := range calls {
		if ctx.Err() != nil {
			break // nobody is left to read it
		}
		v, err := i.inner(control.WithoutNote(ctx), one)
		if err != nil {
			f := faultOf(err)
			v = xmlrpc.Struct{{Name: "faultCode", Value: f.Code}, {Name: "faultString", Value: f.String}}
		}
		out = append(out, v)
	}
	return out
}

func (i *Interface) inner(ctx context.Context, one any) (any, error) {
	s, ok := one.(xmlrpc.Struct)
	if !ok {
		return nil, fault(IncorrectParameters, "")
	}
	name, named := s.Get("methodName").(string)
	params, listed := s.Get("params").(xmlrpc.Array)
	switch {
	case !named:
		return nil, fault(IncorrectParameters, "No methodName")
	case name == "system.multicall":
		return nil, fault(IncorrectParameters, "Recursive system.multicall forbidden")
	case !listed && s.Get("params") != nil:
		return nil, fault(IncorrectParameters, "")
	}
	return i.call(ctx, xmlrpc.Call{Method: name, Params: params})
}

// arguments are a call's, checked: of the kinds that its method declares.
type arguments []any

func (a arguments) text(n int) string       { return a[n].(string) }
func (a arguments) number(n int) int        { return a[n].(int) }
func (a arguments) list(n int) xmlrpc.Array { return a[n].(xmlrpc.Array) }

// yes is an optional boolean, true when it is not said.
func (a arguments) yes(n int) bool { return n >= len(a) || a[n].(bool) }

// check takes arguments as freely as supervisord's Python does: "5" is a number,
// 1 is true, and a signal may be one.
func (m method) check(given xmlrpc.Array) (arguments, error) {
	least := 0
	for _, p := range m.params {
		if !p.optional {
			least++
		}
	}
	if len(given) < least || len(given) > len(m.params) {
		return nil, fault(IncorrectParameters, "")
	}
	out := make(arguments, len(given))
	for n, v := range given {
		c, ok := m.params[n].convert(v)
		if !ok {
			return nil, fault(IncorrectParameters, "")
		}
		out[n] = c
	}
	return out, nil
}

func (p param) convert(v any) (any, bool) {
	switch p.kind {
	case "string":
		if n, ok := v.(int); ok && p.name == "signal" {
			return strconv.Itoa(n), true
		}
		s, ok := v.(string)
		return s, ok
	case "int":
		return toInt(v)
	case "boolean":
		return truth(v), true
	}
	list, ok := v.(xmlrpc.Array)
	return list, ok
}

func toInt(v any) (any, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case float64:
		return int(v), v > -1e15 && v < 1e15
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil
	}
	return nil, false
}

// truth is Python's.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case xmlrpc.Array:
		return len(v) > 0
	case xmlrpc.Struct:
		return len(v) > 0
	}
	return true
}
