// Package rpc is supervisord's XML-RPC interface: every method of its supervisor
// and system namespaces, with its faults, and the log streams beside it. What a
// method needs of the running supervisor is the interface [Supervisor].
package rpc
