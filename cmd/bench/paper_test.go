package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPut(t *testing.T) {
	written := opening + "\nnew\n\n" + closing
	for _, c := range []struct{ page, want string }{
		{"", written},
		{"# Title\n", "# Title\n" + written},
		{"# Title", "# Title\n" + written},
		{"# Title\n" + opening + "old\n" + closing + "after\n", "# Title\n" + written + "after\n"},
	} {
		got, err := put(c.page, "new\n")
		if err != nil || got != c.want {
			t.Errorf("%q: %q, %v", c.page, got, err)
		}
	}
	if _, err := put("# Title\n"+opening+"what a hand has cut", "new\n"); err == nil {
		t.Error("half a frame is taken for one: what follows would be lost")
	}
}

func TestPublish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	for _, text := range []string{"first\n", "second\n"} {
		if err := publish(path, text); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || string(b) != opening+"\n"+text+"\n"+closing {
			t.Errorf("%q, %v", b, err)
		}
	}
}
