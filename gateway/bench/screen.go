package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// slowdown is by how much the browser's processor is slowed: what a cheap tablet
// is beside a desk.
const slowdown = 4

// maxFirstScreen is how long a new tablet may wait for its first screen.
const maxFirstScreen = time.Second

// browserTimeout bounds one look with a browser that has to start first.
const browserTimeout = time.Minute

// screenScene opens the tablet's page of a running gateway in a slowed browser
// that has never been there, and waits until the pairing screen is painted. Each
// round starts a browser of its own, so that nothing is remembered.
func screenScene() scene {
	beside := maxFirstScreen.String()
	return scene{
		figures: []figure{
			{name: "first-screen", what: fmt.Sprintf("tablet page at %d× CPU slowdown: first screen", slowdown), beside: beside, unit: seconds, target: 1},
			{name: "first-paint", what: "first contentful paint, the same", beside: beside, unit: seconds, target: 1},
		},
		run: func(ctx context.Context, b *bench, record func(string, sample)) error {
			s, err := b.newSite(ctx)
			if err != nil {
				return err
			}
			defer s.close()
			if _, err := s.start(ctx, b); err != nil {
				return err
			}
			for range b.rounds {
				look, err := b.firstScreen(ctx, s.url())
				if err != nil {
					return err
				}
				record("first-screen", sample{look.Screen, maxFirstScreen.Seconds()})
				record("first-paint", sample{look.Paint, maxFirstScreen.Seconds()})
			}
			return nil
		},
	}
}

// firstLook is what e2e/first-screen.mjs reports, in seconds from navigation.
type firstLook struct{ Paint, Screen float64 }

func (b *bench) firstScreen(ctx context.Context, url string) (look firstLook, err error) {
	ctx, cancel := context.WithTimeout(ctx, browserTimeout)
	defer cancel()
	script := filepath.Join(filepath.Dir(b.screens), "e2e", "first-screen.mjs")
	out, err := exec.CommandContext(ctx, "node", script, url, strconv.Itoa(slowdown)).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return look, fmt.Errorf("look at the first screen: %w\n%s", err, failed.Stderr)
	}
	if err != nil {
		return look, fmt.Errorf("look at the first screen: %w", err)
	}
	if err := json.Unmarshal(out, &look); err != nil {
		return look, fmt.Errorf("read what the browser saw: %w", err)
	}
	return look, nil
}
