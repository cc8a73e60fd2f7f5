package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/invite"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// wantedPlanHeap is the heap, in bytes, that planning may take however many
// visits there are.
const wantedPlanHeap = 64 << 20

// planScene is a million stays that are all due.
func planScene() scene {
	return scene{
		figures: []figure{
			{name: "dry-run", what: "1,000,000 due visits: who would be invited, and at what price", beside: "a bare scan of the same visits and patients", unit: seconds, target: 10},
			{name: "planned", what: "1,000,000 due visits: invitations/s queued durably with their texts", beside: "rows/s of a bare table, 500 to a FULL commit", target: 0.05, atLeast: true},
			{name: "plan-heap", what: "heap while 1,000,000 visits are planned", beside: "64 MiB", unit: bytesEach, target: 1},
		},
		run: runPlan,
	}
}

func runPlan(ctx context.Context, b *bench, record func(string, sample)) error {
	s, err := b.newTextingSite(ctx, "")
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return err
	}
	return s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		n, began := b.count(1_000_000, 100_000), time.Now()
		if err := store.PublishForm(ctx, cfg.FollowupForm()); err != nil {
			return err
		}
		if _, err := discharged(ctx, store, 0, n); err != nil {
			return err
		}
		fmt.Fprintf(b.log, "  %s visits written in %s\n", thousands(float64(n)), time.Since(began).Round(time.Second))
		planner, err := newPlanner(cfg, store)
		if err != nil {
			return err
		}
		for range b.rounds {
			raw, err := s.scanVisits(ctx, n)
			if err != nil {
				return err
			}
			began := time.Now()
			run, err := planner.DryRun(ctx)
			if err != nil {
				return err
			}
			if run.Invited.Visits != int64(n) {
				return fmt.Errorf("the dry run would invite %d, want %d", run.Invited.Visits, n)
			}
			record("dry-run", sample{time.Since(began).Seconds(), raw.Seconds()})
		}
		return b.plan(ctx, s, planner, n, record)
	})
}

func newPlanner(cfg *config.Config, store *sqlstore.Store) (*invite.Planner, error) {
	rules := cfg.FollowupRules()
	rules.SamplingPercent = 100
	rules.Capabilities = func(texting.Country) texting.Capabilities {
		return texting.Capabilities{Inbound: true, SignatureRequired: true}
	}
	return invite.New(invite.Options{
		Store: store, Rules: rules, Templates: cfg.Templates(), Hotline: cfg.HotlineNumber(), PublicURL: "https://bench.example", Form: cfg.FollowupForm(),
		Place: cfg.Organisation().Place,
	})
}

// plan invites everybody, which is done once: a second round finds nobody.
func (b *bench) plan(ctx context.Context, s *site, planner *invite.Planner, n int, record func(string, sample)) error {
	raw, _, err := rawGroupCommit(ctx, s.dir, inviteAtOnce, b.length(2*time.Second))
	if err != nil {
		return err
	}
	watched, stop := context.WithCancel(ctx)
	peak := make(chan float64)
	go func() { peak <- highestHeap(watched) }()
	began := time.Now()
	planned, err := planner.Plan(ctx)
	took := time.Since(began)
	stop()
	heap := <-peak
	if err != nil {
		return err
	}
	if planned.Outcome[sqlstore.Queued] != int64(n) {
		return fmt.Errorf("%v were planned, want %d", planned.Outcome, n)
	}
	fmt.Fprintf(b.log, "  %s invitations planned in %s\n", thousands(float64(n)), took.Round(time.Second))
	record("planned", sample{float64(n) / took.Seconds(), raw})
	record("plan-heap", sample{heap, wantedPlanHeap})
	return nil
}

// highestHeap looks at the heap until ctx ends and gives the most it was, of
// objects that live or were not collected yet, without what was there before.
func highestHeap(ctx context.Context) float64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	before, most := memory.HeapAlloc, memory.HeapAlloc
	for ctx.Err() == nil {
		runtime.ReadMemStats(&memory)
		most = max(most, memory.HeapAlloc)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return float64(most - before)
}

// scanVisits reads every visit with its patient and does nothing with them.
func (s *site) scanVisits(ctx context.Context, want int) (took time.Duration, err error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "qingfeng.db")+"?mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	began := time.Now()
	rows, err := db.QueryContext(ctx, `SELECT v.id, v.discharged_at, v.department, v.place, v.disposition, v.inpatient, p.born, p.deceased, p.phone_country, p.phone_index
		FROM visits v JOIN patients p ON p.id = v.patient WHERE v.state = 'discharged' ORDER BY v.discharged_at, v.id`)
	if err != nil {
		return 0, fmt.Errorf("scan visits: %w", err)
	}
	defer rows.Close()
	n, fields := 0, make([]sql.RawBytes, 10)
	into := make([]any, len(fields))
	for i := range fields {
		into[i] = &fields[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return 0, fmt.Errorf("scan visits: %w", err)
		}
	}
	if n != want {
		err = fmt.Errorf("found %d visits, want %d", n, want)
	}
	return time.Since(began), errors.Join(rows.Err(), err)
}
