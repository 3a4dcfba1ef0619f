package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Between these lines of the page stands what a bench has written; what people
// have written around them stays.
const (
	opening = "<!-- Written by make bench from here -->\n"
	closing = "<!-- to here -->\n"
)

// put replaces what is between the lines; a text without them gets them.
func put(page, text string) (string, error) {
	before, rest, found := strings.Cut(page, opening)
	if !found {
		if page != "" && !strings.HasSuffix(page, "\n") {
			page += "\n"
		}
		return page + opening + "\n" + text + "\n" + closing, nil
	}
	_, after, found := strings.Cut(rest, closing)
	if !found {
		return "", fmt.Errorf("after %q there is no %q", strings.TrimSpace(opening), strings.TrimSpace(closing))
	}
	return before + opening + "\n" + text + "\n" + closing + after, nil
}

// publish writes the text into the page at path.
func publish(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	whole, err := put(string(page), text)
	if err != nil {
		return fmt.Errorf("cannot write %q: %v", path, err)
	}
	return os.WriteFile(path, []byte(whole), 0o644)
}
