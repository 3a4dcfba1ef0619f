// Package control is how a running supervisor is asked and told: the types of
// the protocol, an HTTP server on a unix socket and its client.
//
// It owns the wire (JSON over HTTP/1.1, one path per question, see [Server]),
// the socket file ([Listen]), the meaning of names on a command line ([Match])
// and the third column of status ([Describe]). What the answers are, only the
// [Daemon] behind it knows.
//
// An upgrade replaces the process's image under its connections: [Server.Freeze]
// says what is in hand, [Server.Carry] goes on with it. Two things make that
// possible, and both have one lock per connection: input is kept until its answer
// is complete, and what is said, where the connection stands and what a handler
// noted ([NoteOf]) change in one step. net/http's server gives hold of neither, so
// the connections are served here (conn.go, request.go), with net/http's parser.
//
// It never decides about a program, never touches a process and never logs;
// nothing a client does can cost more than that client's own connection.
//
// Start reading in protocol.go (what is said), daemon.go (who answers), then
// server.go and client.go; for an upgrade carry.go, note.go and conn.go.
package control
