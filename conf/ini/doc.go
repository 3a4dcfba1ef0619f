// Package ini reads supervisord's INI files as supervisord does: as Python's
// RawConfigParser with strict off and ; and # as inline comments.
//
// It owns the grammar: sections, keys, continuation lines, comments, and how
// several files merge. It never expands, unquotes or judges a value, and opens
// no file. Start reading at Parse in parse.go.
package ini
