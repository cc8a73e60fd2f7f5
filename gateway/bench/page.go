package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// maxScript is how much JavaScript the tablet's page may load, gzipped, bytes.
const maxScript = 90_000

// pageScene weighs the tablet's page; it measures nothing that could vary.
func pageScene() scene {
	return scene{
		figures: []figure{{name: "page", what: "tablet page: JavaScript, gzip", beside: "90 kB", unit: bytesEach, target: 1}},
		run: func(_ context.Context, b *bench, record func(string, sample)) error {
			size, err := scriptsOf(filepath.Join(b.screens, "tablet.html"))
			if err != nil {
				return err
			}
			record("page", sample{float64(size), maxScript})
			return nil
		},
	}
}

var scriptName = regexp.MustCompile(`(?:src|href)="/([^"]+\.js)"`)

// scriptsOf is the gzipped size of all scripts a page loads at once.
func scriptsOf(page string) (size int64, err error) {
	html, err := os.ReadFile(page)
	if err != nil {
		return 0, fmt.Errorf("build the screens first (make ui): %w", err)
	}
	found := scriptName.FindAllSubmatch(html, -1)
	if len(found) == 0 {
		return 0, fmt.Errorf("%s loads no script", page)
	}
	for _, m := range found {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(page), string(m[1])))
		if err != nil {
			return 0, err
		}
		var sum counter
		zip := gzip.NewWriter(&sum)
		if _, err := zip.Write(text); err != nil {
			return 0, err
		}
		if err := zip.Close(); err != nil {
			return 0, err
		}
		size += int64(sum)
	}
	return size, nil
}

// counter counts what is written to it.
type counter int64

var _ io.Writer = (*counter)(nil)

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
