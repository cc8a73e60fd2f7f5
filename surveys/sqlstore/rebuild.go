package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"qingfeng/surveys"
)

// RebuildRollups makes the counts by day agree with the facts. It recounts
// everything beside the writer and then counts each day that was wrong once
// more, in a transaction of its own: facts wait for one day's count at a time,
// whichever process they come to. days is how many days were wrong.
func (s *Store) RebuildRollups(ctx context.Context) (days int, err error) {
	wrong, err := s.wrongDays(ctx)
	if err != nil {
		return 0, fmt.Errorf("rebuild counts: %w", err)
	}
	for _, day := range wrong {
		if err := s.act(ctx, func(t *tx) error { return t.recountDay(ctx, day) }); err != nil {
			return days, fmt.Errorf("rebuild counts of %s: %w", day, err)
		}
		days++
	}
	err = s.act(ctx, func(t *tx) error {
		return t.audit(Actor{Username: "gateway"}, "store.rebuild_counts", "", fmt.Sprintf("%d days", days))
	})
	if err != nil {
		return days, fmt.Errorf("rebuild counts: %w", err)
	}
	return days, nil
}

// wrongDays gives the days whose counts differ from a recount, in order. Both
// are read in one moment of the database.
func (s *Store) wrongDays(ctx context.Context) (days []surveys.Day, err error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snap.close()) }()
	r, err := newRecount(ctx, snap.conns[0], 0, false)
	if err != nil {
		return nil, err
	}
	if err := r.run(ctx, snap.conns); err != nil {
		return nil, err
	}
	wrong := map[surveys.Day]bool{}
	err = scanCounts(ctx, snap.conns[0], 0, func(c cell, n int64) error {
		if r.counts[c] != n {
			wrong[c.day] = true
		}
		delete(r.counts, c)
		return nil
	})
	for c := range r.counts {
		wrong[c.day] = true
	}
	return slices.Sorted(maps.Keys(wrong)), err
}

// recountDay replaces the counts of one day.
func (t *tx) recountDay(ctx context.Context, day surveys.Day) error {
	r, err := newRecount(ctx, t.w.conn, day, false)
	if err != nil {
		return err
	}
	r.to = day
	if err := r.run(ctx, []*sql.Conn{t.w.conn}); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM event_counts WHERE day = ?", int64(day)); err != nil {
		return err
	}
	t.w.cache.forget()
	for c, n := range r.counts {
		if err := t.w.renumber(&c, r.names); err != nil {
			return err
		}
		if err := t.w.addCount(c, n); err != nil {
			return err
		}
	}
	return nil
}

// renumber writes words of a recounted cell that the database did not know.
func (w *writer) renumber(c *cell, names map[nameID]string) (err error) {
	for _, id := range []*nameID{&c.item, &c.tags} {
		if *id < 0 {
			if *id, err = w.name(names[*id]); err != nil {
				return err
			}
		}
	}
	return nil
}
