package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// ackScene is a hundred tablets that rate without rest, and one alone.
func ackScene() scene {
	return scene{
		figures: []figure{
			{name: "acked", what: "durable acked ratings/s, 100 tablets, closed loop", beside: "H = 1/(1/echo + 1/sqlite + 1/xadd + 1/xread)", target: 0.60, atLeast: true},
			{name: "ack-one", what: "one tablet's ack p50", beside: "one-row FULL commit p50 + echo p50", unit: seconds, target: 2},
			{name: "ack-p99", what: "ack p99, 100 tablets", beside: "echo p99, 100 connections", unit: seconds, target: 2},
		},
		run: runAcks,
	}
}

func runAcks(ctx context.Context, b *bench, record func(string, sample)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := b.newSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	identities, _, err := s.enrol(ctx, 100, 0)
	if err != nil {
		return err
	}
	if _, err := s.start(ctx, b); err != nil {
		return err
	}
	tablets, err := s.connect(ctx, identities)
	if err != nil {
		return err
	}
	if _, err := closedLoop(ctx, tablets, b.length(time.Second)); err != nil { // warms caches on both sides
		return err
	}
	for range b.rounds {
		if err := s.settle(ctx); err != nil {
			return err
		}
		h, e, err := b.rawWay(ctx, s)
		if err != nil {
			return err
		}
		spent := s.spending()
		ours, err := closedLoop(ctx, tablets, b.length(3*time.Second))
		if err != nil {
			return err
		}
		spent(b.log, ours.n)
		record("acked", sample{ours.perSecond, h})
		record("ack-p99", sample{ours.p99.Seconds(), e.p99.Seconds()})
		if err := s.settle(ctx); err != nil {
			return err
		}
		raw, err := b.rawOne(ctx)
		if err != nil {
			return err
		}
		one, err := closedLoop(ctx, tablets[:1], b.length(time.Second))
		if err != nil {
			return err
		}
		record("ack-one", sample{one.p50.Seconds(), raw.Seconds()})
	}
	return nil
}

// spending notes how long the processors worked for gateway, Redis and
// generator until the function it gives is called, which prints it for each
// of n ratings: a figure that a busy machine does not change.
func (s *site) spending() func(w io.Writer, n int64) {
	pids := map[string]int{"gateway": s.gateway.cmd.Process.Pid, "redis": s.redis.cmd.Process.Pid, "generator": os.Getpid()}
	before := map[string]time.Duration{}
	for name, pid := range pids {
		before[name] = cpuTime(pid)
	}
	return func(w io.Writer, n int64) {
		fmt.Fprint(w, "  CPU each:")
		for _, name := range []string{"gateway", "redis", "generator"} {
			fmt.Fprintf(w, " %s %.1f µs", name, float64((cpuTime(pids[name])-before[name]).Nanoseconds())/1000/float64(max(n, 1)))
		}
		fmt.Fprintln(w)
	}
}

// rawWay measures each leg of a rating's way by itself and gives H, the rate of
// a program that does nothing but them, and the echo.
func (b *bench) rawWay(ctx context.Context, s *site) (h float64, e echoResult, err error) {
	if e, err = rawEcho(100, b.length(time.Second)); err != nil {
		return 0, e, err
	}
	rows, _, err := rawGroupCommit(ctx, s.dir, 100, b.length(time.Second))
	if err != nil {
		return 0, e, err
	}
	xadd, err := rawXAdd(ctx, s.redis.client, b.length(time.Second))
	if err != nil {
		return 0, e, err
	}
	xread, err := rawXRead(ctx, s.redis.client)
	if err != nil {
		return 0, e, err
	}
	fmt.Fprintf(b.log, "  raw: echo %.0f/s, sqlite %.0f/s, xadd %.0f/s, xread %.0f/s\n", e.perSecond, rows, xadd, xread)
	return 1 / (1/e.perSecond + 1/rows + 1/xadd + 1/xread), e, nil
}

// rawOne is what one rating alone must take: its way there and back, and its
// commit.
func (b *bench) rawOne(ctx context.Context) (time.Duration, error) {
	e, err := rawEcho(1, b.length(500*time.Millisecond))
	if err != nil {
		return 0, err
	}
	_, commit, err := rawGroupCommit(ctx, b.dir, 1, b.length(time.Second))
	return e.p50 + commit, err
}
