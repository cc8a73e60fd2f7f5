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
			{name: "dry-run", what: "1,000,000 due visits: who would be invited, and at what price", beside: "a bare scan of the same visits and patients", unit: seconds, target: 3},
			{name: "planned", what: "due visits planned: invitations/s queued durably with their texts", beside: "rows/s of a bare table, 500 to a FULL commit", target: 0.05, atLeast: true},
			{name: "plan-heap", what: "heap while 1,000,000 visits are decided about", beside: "64 MiB", unit: bytesEach, target: 1},
		},
		run: runPlan,
	}
}

func runPlan(ctx context.Context, b *bench, record func(string, sample)) error {
	if err := b.dryRuns(ctx, record); err != nil {
		return err
	}
	s, err := b.newTextingSite(ctx, "")
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return err
	}
	return s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		if err := store.PublishForm(ctx, cfg.FollowupForm()); err != nil {
			return err
		}
		planner, err := newPlanner(cfg, store)
		if err != nil {
			return err
		}
		n := b.count(10_000, 5_000)
		for round := range b.rounds {
			if _, err := discharged(ctx, store, round*n, n); err != nil {
				return err
			}
			if err := b.plan(ctx, s, planner, n, record); err != nil {
				return err
			}
		}
		return nil
	})
}

// dryRuns decides about every visit of a store that is full of them, which
// changes nothing, so that each round finds the same.
func (b *bench) dryRuns(ctx context.Context, record func(string, sample)) error {
	s, err := b.newTextingSite(ctx, "")
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return err
	}
	n, began := b.count(1_000_000, 200_000), time.Now()
	err = s.withStore(ctx, func(_ *config.Config, store *sqlstore.Store) error {
		_, err := discharged(ctx, store, 0, 1)
		return err
	})
	if err == nil {
		err = s.copyVisit(ctx, n)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b.log, "  %s visits written in %s\n", thousands(float64(n)), time.Since(began).Round(time.Second))
	return s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		planner, err := newPlanner(cfg, store)
		if err != nil {
			return err
		}
		for range b.rounds {
			raw, err := s.scanVisits(ctx, n)
			if err != nil {
				return err
			}
			watched := watchHeap(ctx)
			began := time.Now()
			run, err := planner.DryRun(ctx)
			took, heap := time.Since(began), watched()
			if err != nil {
				return err
			}
			if run.Invited.Visits != int64(n) {
				return fmt.Errorf("the dry run would invite %d, want %d", run.Invited.Visits, n)
			}
			record("dry-run", sample{took.Seconds(), raw.Seconds()})
			record("plan-heap", sample{heap, wantedPlanHeap})
		}
		return nil
	})
}

// copyVisit makes n visits of n patients out of the only one there is, past the
// store's door, through which they would take minutes. Their numbers are good
// for deciding alone: nobody could be texted.
func (s *site) copyVisit(ctx context.Context, n int) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "qingfeng.db")+"?_journal_mode=WAL&_synchronous=OFF")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, insert := range []string{
		`INSERT INTO patients (id, name, born, phone, phone_index, phone_country)
			SELECT k.n, name, born, phone, randomblob(length(phone_index)), phone_country FROM k, patients WHERE id = 1`,
		`INSERT INTO visits (id, number_index, number, patient, state, department, place, bed, inpatient, admitted_at, discharged_at, discharged_on, disposition)
			SELECT k.n, randomblob(length(number_index)), number, k.n, state, department, place, bed, inpatient, admitted_at, discharged_at - k.n % 86400000, discharged_on, disposition
			FROM k, visits WHERE id = 1`,
	} {
		if _, err := db.ExecContext(ctx, "WITH RECURSIVE k(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM k WHERE n < ?) "+insert, n); err != nil {
			return fmt.Errorf("copy visits: %w", err)
		}
	}
	return nil
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

// plan invites everybody who is due, which is done once.
func (b *bench) plan(ctx context.Context, s *site, planner *invite.Planner, n int, record func(string, sample)) error {
	raw, _, err := rawGroupCommit(ctx, s.dir, inviteAtOnce, b.length(2*time.Second))
	if err != nil {
		return err
	}
	began := time.Now()
	planned, err := planner.Plan(ctx)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if planned.Outcome[sqlstore.Queued] != int64(n) {
		return fmt.Errorf("%v were planned, want %d", planned.Outcome, n)
	}
	record("planned", sample{float64(n) / took.Seconds(), raw})
	return nil
}

// watchHeap looks at the heap until the function it gives is called, which
// gives the most it was beyond what was live before: of objects that live or
// were not collected yet.
func watchHeap(ctx context.Context) (most func() float64) {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	before, highest := memory.HeapAlloc, memory.HeapAlloc
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			runtime.ReadMemStats(&memory)
			highest = max(highest, memory.HeapAlloc)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() float64 {
		stop()
		<-ended
		return float64(highest - before)
	}
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
