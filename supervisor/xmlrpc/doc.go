// Package xmlrpc is the wire format of supervisord and of its clients: XML-RPC
// with supervisord's types, as both sides read and write it, and a client.
//
// A value is one of int, bool, string, float64, [time.Time], [Array] and [Struct].
package xmlrpc
