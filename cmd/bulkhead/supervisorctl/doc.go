// Package supervisorctl is supervisorctl 4.2.5 over again: its options, its
// config section, its shell, its verbs, what they print and how they exit. It
// asks any server that speaks supervisord's XML-RPC, over a unix socket or TCP.
//
// It owns what the words on the screen are. It never decides what a verb does
// to a program: that is the server's.
//
// Main is the program. Controller runs one command line; a file per verb or
// per few that belong together, one table of all in verbs.go. Shell reads
// lines for it, or for any other runner of lines.
package supervisorctl
