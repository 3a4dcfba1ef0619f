package rpc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkhead/supervisor/xmlrpc"
)

// systemMethods are all of the system namespace. They answer at any time.
var systemMethods map[string]method

func init() { // they are about the table they are in
	nameOf := param{"string", "name", "of a method", false}
	systemMethods = map[string]method{
		"listMethods":     {returns: "array", help: "Return the names of all methods.", call: listMethods, always: true},
		"methodHelp":      {returns: "string", help: "Return what a method does.", call: methodHelp, always: true, params: []param{nameOf}},
		"methodSignature": {returns: "array", help: "Return the types of a method: of its result, then of its parameters.", call: methodSignature, always: true, params: []param{nameOf}},
		"multicall": {returns: "array", help: "Carry out calls one after the other; return their results, or a struct of faultCode and faultString in place of one.",
			always: true, params: []param{{"array", "calls", "structs of methodName and params", false}}}, // carried out by Interface.call
	}
}

func listMethods(context.Context, *Interface, arguments) (any, error) {
	out := xmlrpc.Array{}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		out = append(out, "supervisor."+name)
	}
	for _, name := range slices.Sorted(maps.Keys(systemMethods)) {
		out = append(out, "system."+name)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		out = append(out, "bulkhead."+name)
	}
	return out, nil
}

// methodHelp has supervisord's form, from which clients read a signature.
func methodHelp(_ context.Context, _ *Interface, a arguments) (any, error) {
	m, ok := find(a.text(0))
	if !ok {
		return nil, fault(SignatureUnsupported, "")
	}
	var b strings.Builder
	fmt.Fprintf(&b, " %s\n\n", m.help)
	for _, p := range m.params {
		fmt.Fprintf(&b, "        @param %s %s  %s\n", p.kind, p.name, p.help)
	}
	fmt.Fprintf(&b, "        @return %s\n        ", m.returns)
	return b.String(), nil
}

func methodSignature(_ context.Context, _ *Interface, a arguments) (any, error) {
	m, ok := find(a.text(0))
	if !ok {
		return nil, fault(SignatureUnsupported, "")
	}
	out := xmlrpc.Array{m.returns}
	for _, p := range m.params {
		out = append(out, p.kind)
	}
	return out, nil
}
