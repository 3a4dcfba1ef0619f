// Package control is how a running supervisor is asked and told: the types of
// the protocol, an HTTP server on a unix socket and its client.
//
// It owns the wire (JSON over HTTP/1.1, one path per question, see [Server]),
// the socket file ([Listen]), the meaning of names on a command line ([Match])
// and the third column of status ([Describe]). What the answers are, only the
// [Daemon] behind it knows.
//
// It never decides about a program, never touches a process and never logs;
// nothing a client does can cost more than that client's own connection.
//
// Start reading in protocol.go (what is said), daemon.go (who answers), then
// server.go and client.go.
package control
