package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/gateway/internal/tabletclient"
)

// idleScene is a hospital's tablets on the wall with nobody before them. The
// gateway and the bare server hold as many sockets at the same time.
func idleScene() scene {
	return scene{
		figures: []figure{
			{name: "idle-memory", what: "memory of an idle tablet, 8,000 connected, after GC", beside: "bare detached gorilla", unit: bytesEach, target: 1.35},
			{name: "idle-cpu", what: "idle CPU with pings, 8,000 connected", beside: "one shared ping loop", unit: share, target: 1.5},
		},
		run: runIdle,
	}
}

func runIdle(ctx context.Context, b *bench, record func(string, sample)) error {
	s, err := b.newSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	// Collections come often, so that what is measured holds little garbage.
	s.env = append(s.env, "GOGC=20")
	identities, _, err := s.enrol(ctx, b.count(8000, 2000), 0)
	if err != nil {
		return err
	}
	for range b.rounds {
		if err := b.idleRound(ctx, s, identities, record); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) idleRound(ctx context.Context, s *site, identities []tabletclient.Identity, record func(string, sample)) error {
	ctx, stop := context.WithCancel(ctx)
	bare, bareURL, _, err := b.startBare(ctx, []string{"GOGC=20"})
	if err != nil {
		stop()
		return err
	}
	defer bare.stop(os.Kill)
	if _, err := s.start(ctx, b); err != nil {
		stop()
		return err
	}
	defer s.gateway.stop(os.Kill)
	defer stop()
	n := len(identities)
	rawEach, err := memoryEach(ctx, bareURL, n, func() error { return b.connectBare(ctx, bareURL, n) })
	if err != nil {
		return err
	}
	oursEach, err := memoryEach(ctx, s.url(), n, func() error {
		small := *s
		_, err := small.connect(ctx, identities)
		return err
	})
	if err != nil {
		return err
	}
	record("idle-memory", sample{oursEach, rawEach})
	window := b.length(12 * time.Second)
	raw, ours := cpuTime(bare.cmd.Process.Pid), cpuTime(s.gateway.cmd.Process.Pid)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(window):
	}
	raw, ours = cpuTime(bare.cmd.Process.Pid)-raw, cpuTime(s.gateway.cmd.Process.Pid)-ours
	record("idle-cpu", sample{ours.Seconds() / window.Seconds(), raw.Seconds() / window.Seconds()})
	return nil
}

// connectBare opens n sockets to the bare server that answer its pings.
func (b *bench) connectBare(ctx context.Context, url string, n int) error {
	dialer := websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512}
	return inCrowd(n, func(int) error {
		conn, _, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(url, "http")+"/ws", nil)
		if err != nil {
			return fmt.Errorf("dial the bare server: %w", err)
		}
		go func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			for {
				if _, _, err := conn.NextReader(); err != nil {
					return
				}
			}
		}()
		return nil
	})
}

// memoryEach is how much more a process holds for each of n screens once
// connect has connected them.
func memoryEach(ctx context.Context, url string, n int, connect func() error) (float64, error) {
	before, err := memoryInUse(ctx, url)
	if err != nil {
		return 0, err
	}
	if err := connect(); err != nil {
		return 0, err
	}
	after, err := memoryInUse(ctx, url)
	return (after - before) / float64(n), err
}

// memoryInUse is a process's heap and stacks just after a collection. Stacks
// shrink by half with each, so some must have passed.
func memoryInUse(ctx context.Context, url string) (least float64, err error) {
	const collections = 8
	first := -1.0
	for until := time.Now().Add(startTimeout); time.Now().Before(until); {
		m, err := metrics(ctx, url)
		if err != nil {
			return 0, err
		}
		if first < 0 {
			first = m["go_gc_duration_seconds_count"]
		}
		done := m["go_gc_duration_seconds_count"] - first
		if used := m["go_memstats_heap_alloc_bytes"] + m["go_memstats_stack_inuse_bytes"]; done >= collections-2 && (least == 0 || used < least) {
			least = used
		}
		if done >= collections {
			return least, nil
		}
	}
	return 0, fmt.Errorf("no %d collections in %s", collections, startTimeout)
}

// cpuTime is how long a process's threads have run.
func cpuTime(pid int) (total time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is a good one
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended
		}
		var ran int64
		if _, err := fmt.Sscan(string(text), &ran); err == nil {
			total += time.Duration(ran)
		}
	}
	return total
}
