package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrittenSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.toml")
	for _, tt := range []struct{ text, want string }{
		{"[supervisor]\nsocket = \"/a.sock\"\n", "/a.sock"},
		{"[ supervisor ] # x\r\n\tsocket='/a.sock' # y\r\n", "/a.sock"},
		{"[supervisor]\nsocket_mode = \"0700\"\n[programs.x]\nsocket = \"/b.sock\"\n", "/default"},
		{"[programs.x]\ncommand = [\n", "/default"},
		{"", "/default"},
		{"[supervisor]\n#socket = \"/a.sock\"\n", "/default"},
		{"[supervisor]\nsocket = \"a.sock\"\n", ""},          // relative to the file: conf's to say
		{"[supervisor]\nsocket = \"%(here)s/a.sock\"\n", ""}, // an expansion
		{"[supervisor]\nsocket = \"/a\\u0062.sock\"\n", ""},  // an escape
		{"[supervisor]\nsocket = \"/a.sock\n", ""},           // not closed: this may be the problem
		{"supervisor = { socket = \"/a.sock\" }\n", ""},
		{"supervisor.socket = \"/a.sock\"\n", ""},
	} {
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok := writtenSocket(file, "/default")
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.text, got, ok, tt.want)
		}
	}
	if _, ok := writtenSocket(file+".no", "/default"); ok {
		t.Error("a missing file names a socket")
	}
}
