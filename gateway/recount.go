package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qingfeng/analytics/redisstream"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/outbox"
	"qingfeng/surveys/sqlstore"
)

// maxListed bounds how many differences are printed.
const maxListed = 20

type verifyCommand struct{}

// Run recounts everything from the facts and compares. It takes minutes on a
// large store and stops nobody.
func (verifyCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		report, err := store.Verify(ctx)
		if err != nil {
			return fmt.Errorf("verify store: %w", err)
		}
		fmt.Fprintf(w.stdout, "store    %d facts, %d ratings, %d events, %d audit entries\n",
			report.Facts, report.Ratings, report.Events, report.AuditEntries)
		if report.Waiting > 0 {
			fmt.Fprintf(w.stdout, "waiting  %d details whose rating has not arrived yet\n", report.Waiting)
		}
		for _, p := range report.Problems {
			fmt.Fprintln(w.stdout, "problem ", p)
		}
		differences, err := compareRedis(ctx, cfg, store, w)
		if err != nil {
			return err
		}
		if !report.OK() || differences > 0 {
			return fmt.Errorf("found %d problems in the store and %d differences in Redis", len(report.Problems), differences)
		}
		fmt.Fprintln(w.stdout, "nothing wrong")
		return nil
	})
}

// compareRedis counts where Redis differs from a recount. The embedded Redis
// lives inside a running gateway and is made anew at each start, so from here
// there is nothing to compare.
func compareRedis(ctx context.Context, cfg *config.Config, store *sqlstore.Store, w world) (int, error) {
	if cfg.RedisTarget().Embedded() {
		fmt.Fprintln(w.stdout, "redis    embedded: made anew from the store at each start")
		return 0, nil
	}
	client := redisClient(cfg.RedisTarget())
	defer client.Close()
	differences, err := outbox.Compare(ctx, outbox.Target{Source: store, Client: client, Node: cfg.Node, Zone: cfg.Location(), Now: time.Now})
	if errors.Is(err, redisstream.ErrLost) {
		fmt.Fprintln(w.stdout, "redis    holds no counts of this node; a running gateway makes them by itself")
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("compare with Redis: %w", err)
	}
	for _, d := range differences[:min(len(differences), maxListed)] {
		fmt.Fprintln(w.stdout, "differs ", d)
	}
	fmt.Fprintf(w.stdout, "redis    %s: %d differences\n", cfg.RedisTarget(), len(differences))
	return len(differences), nil
}

type rebuildCommand struct{}

// Run makes the daily sums agree with the facts and then counts the scores in
// Redis anew. It may run beside a gateway: ratings wait only while one wrong
// day is counted.
func (rebuildCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		started := time.Now()
		days, err := store.RebuildRollups(ctx)
		if err != nil {
			return fmt.Errorf("rebuild daily sums: %w", err)
		}
		fmt.Fprintf(w.stdout, "daily sums   counted from the facts in %s; %d days were wrong\n", time.Since(started).Round(time.Millisecond), days)
		if cfg.RedisTarget().Embedded() {
			fmt.Fprintln(w.stdout, "redis        embedded: made anew from the store at each start")
			return nil
		}
		client := redisClient(cfg.RedisTarget())
		defer client.Close()
		result, err := outbox.Rebuild(ctx, outbox.Target{Source: store, Client: client, Node: cfg.Node, Zone: cfg.Location(), Now: time.Now}, 0)
		if err != nil {
			return fmt.Errorf("rebuild scores: %w", err)
		}
		fmt.Fprintf(w.stdout, "redis        %d cells up to event %d in %s\n", result.Cells, result.Watermark, result.Took.Round(time.Millisecond))
		return nil
	})
}
