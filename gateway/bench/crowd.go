package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// enroller is who approves this run's devices.
var enroller = sqlstore.Actor{Username: "bench"}

// atOnce bounds how many devices enrol or connect at a time.
const atOnce = 64

// enrol puts n tablets, spread over all places, and so many wall boards into
// the store as if an administrator had approved them.
func (s *site) enrol(ctx context.Context, tablets, boards int) (t, w []tabletclient.Identity, err error) {
	err = s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		for _, q := range cfg.QuestionnaireOf() {
			if err := store.PublishQuestionnaire(ctx, q); err != nil {
				return err
			}
		}
		places := cfg.Organisation().Places
		t, w = make([]tabletclient.Identity, tablets), make([]tabletclient.Identity, boards)
		return inCrowd(tablets+boards, func(i int) (err error) {
			if i >= tablets {
				w[i-tablets], err = enrolOne(ctx, store, surveys.Device{Kind: surveys.DeviceWallBoard, Name: "board"})
				return err
			}
			d := surveys.Device{Place: places[i%len(places)].ID, Kind: tabletFor(places[i%len(places)].Kind), Name: "tablet"}
			t[i], err = enrolOne(ctx, store, d)
			return err
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("enrol devices: %w", err)
	}
	return t, w, nil
}

func tabletFor(k surveys.PlaceKind) surveys.DeviceKind {
	for _, kind := range []surveys.DeviceKind{surveys.DeviceBedsideTablet, surveys.DeviceLobbyTablet} {
		if at, _ := kind.PlaceKind(); at == k {
			return kind
		}
	}
	return surveys.DeviceWindowTablet
}

func enrolOne(ctx context.Context, store *sqlstore.Store, d surveys.Device) (id tabletclient.Identity, err error) {
	now := time.Now()
	id.Device = newID()
	if id.Key, err = tabletclient.NewKey(); err != nil {
		return id, err
	}
	point, err := tabletclient.PublicPoint(id.Key)
	if err != nil {
		return id, err
	}
	e := sqlstore.Enrolment{
		ID: newID(), PublicKey: point, Kind: d.Kind, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		CodeHash: sha256.Sum256(id.Device[:]), SecretHash: sha256.Sum256(id.Device[:]),
	}
	if err := store.CreateEnrolment(ctx, e); err != nil {
		return id, err
	}
	d.ID = id.Device
	_, err = store.ApproveEnrolment(ctx, e.CodeHash, now, d, enroller)
	return id, err
}

// inCrowd runs work for 0 to n-1, atOnce at a time, and gives the first error.
func inCrowd(n int, work func(i int) error) error {
	var next atomic.Int64
	return inParallel(min(n, atOnce), func(int) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := work(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// connect turns tablets on, until ctx ends, and waits for all their welcomes.
func (s *site) connect(ctx context.Context, identities []tabletclient.Identity) ([]*tabletclient.Tablet, error) {
	tablets := make([]*tabletclient.Tablet, len(identities))
	err := inCrowd(len(identities), func(i int) error {
		tablets[i] = tabletclient.New(tabletclient.Options{Server: s.server(), Identity: identities[i]})
		return tablets[i].Connect(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("connect tablets: %w", err)
	}
	return tablets, nil
}

// grades is how a hospital's patients answer: one in twelve is not content.
var grades = [...]surveys.Grade{1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}

func someRating() tabletclient.Rating {
	return tabletclient.Rating{Grade: grades[rand.IntN(len(grades))], Dwell: 2 * time.Second}
}

// acked is what a closed loop gave.
type acked struct {
	n         int64
	perSecond float64
	p50, p99  time.Duration
}

// closedLoop lets every tablet rate, each rating after the ack of the one
// before, for the given time.
func closedLoop(ctx context.Context, tablets []*tabletclient.Tablet, length time.Duration) (acked, error) {
	var latency latencies
	var total atomic.Int64
	began := time.Now()
	stop := began.Add(length)
	err := inParallel(len(tablets), func(i int) error {
		mine := make([]time.Duration, 0, 4096)
		for start := time.Now(); start.Before(stop); start = time.Now() {
			ack, err := tablets[i].Rate(ctx, someRating())
			if err != nil {
				return err
			}
			if ack.Outcome != surveys.OutcomeStored {
				return fmt.Errorf("a rating was acknowledged as %s", ack.Outcome)
			}
			mine = append(mine, time.Since(start))
		}
		total.Add(int64(len(mine)))
		latency.add(mine)
		return nil
	})
	if err != nil {
		return acked{}, fmt.Errorf("rate: %w", err)
	}
	return acked{total.Load(), float64(total.Load()) / time.Since(began).Seconds(), latency.quantile(0.5), latency.quantile(0.99)}, nil
}

// lastSequence reads how many events the store has written.
func (s *site) lastSequence(ctx context.Context) (n int64, err error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "qingfeng.db")+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)").Scan(&n)
	return n, err
}

// settle waits until the counts have reached the store.
func (s *site) settle(ctx context.Context) error {
	last, err := s.lastSequence(ctx)
	if err != nil {
		return fmt.Errorf("read the last sequence: %w", err)
	}
	return s.redis.caughtUp(ctx, last)
}
