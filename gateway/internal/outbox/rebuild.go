package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream"
	"qingfeng/surveys"
)

// Target is a node's store and its counts in Redis.
type Target struct {
	Source Source
	Client redis.UniversalClient
	Node   string
	Zone   *time.Location
	Now    func() time.Time
}

// Result says what a rebuild made.
type Result struct {
	Epoch     string
	Watermark int64
	Cells     int
	Took      time.Duration
}

// Rebuild folds the store into counts and puts them in the place of all that
// Redis holds for the node. Days from fullFrom on are counted from the facts,
// earlier ones taken from the store's own daily sums; 0 counts everything from
// the facts. Beside a running supervisor it is safe: that one then notices a
// foreign epoch and makes them anew itself.
func Rebuild(ctx context.Context, t Target, fullFrom surveys.Day) (Result, error) {
	began := time.Now()
	counts, watermark, err := fold(ctx, t.Source, fullFrom)
	if err != nil {
		return Result{}, err
	}
	mark, err := markOf(ctx, t.Source, watermark)
	if err != nil {
		return Result{}, err
	}
	id, err := t.Source.StoreID(ctx)
	if err != nil {
		return Result{}, err
	}
	now := t.Now()
	epoch, err := redisstream.Replace(ctx, t.Client, t.Node, redisstream.Recount{
		Counts: counts, Store: id, Watermark: watermark, Mark: mark, Today: surveys.DayOf(now, t.Zone), At: now,
	})
	if err != nil {
		return Result{}, err
	}
	return Result{epoch, watermark, counts.Len(), time.Since(began)}, nil
}

func fold(ctx context.Context, source Source, fullFrom surveys.Day) (*analytics.Counts, int64, error) {
	counts := analytics.NewCounts()
	watermark, err := source.Fold(ctx, fullFrom, func(e *surveys.Event, n int64) error {
		counts.AddEvent(e, n)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("fold the store: %w", err)
	}
	return counts, watermark, nil
}

// Compare counts everything again from the facts and lists where Redis differs;
// nil means they are equal. Both may go on moving meanwhile: what was stored
// after Redis was read is added to what was read. Another node with counts of
// this store, which boards would count twice, is a difference of its own. Counts that are not there at
// all are an error, redisstream.ErrLost.
func Compare(ctx context.Context, t Target) ([]analytics.Difference, error) {
	state, got, err := redisstream.LoadCounts(ctx, t.Client, t.Node, 0, 0)
	if err != nil {
		return nil, err
	}
	if state.Epoch == "" {
		return nil, fmt.Errorf("read counts: %w: there are none", redisstream.ErrLost)
	}
	want, watermark, err := fold(ctx, t.Source, 0)
	if err != nil {
		return nil, err
	}
	for at := state.Watermark; at < watermark; {
		events, err := t.Source.EventsAfter(ctx, at, redisstream.MaxBatch)
		if err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		if len(events) == 0 || events[0].Sequence != at+1 {
			return nil, fmt.Errorf("read outbox after %d: %w", at, redisstream.ErrGap)
		}
		for i := range events {
			if at = events[i].Sequence; at <= watermark {
				got.AddEvent(&events[i].Event, 1)
			}
		}
	}
	today := surveys.DayOf(t.Now(), t.Zone)
	id, err := t.Source.StoreID(ctx)
	if err != nil {
		return nil, err
	}
	twice, err := redisstream.Namesakes(ctx, t.Client, t.Node, id)
	if err != nil {
		return nil, err
	}
	differences := make([]analytics.Difference, 0, len(twice))
	for _, other := range twice {
		_, counts, err := redisstream.LoadCounts(ctx, t.Client, other, 0, 0)
		if err != nil {
			return nil, err
		}
		differences = append(differences, analytics.Difference{Node: other, Got: int64(counts.Len())})
	}
	return append(differences, analytics.Diff(kept(want, today), kept(got, today))...), nil
}

// kept leaves out what Redis does not keep.
func kept(c *analytics.Counts, today surveys.Day) *analytics.Counts {
	out := analytics.NewCounts()
	for _, day := range c.Days() {
		for cell, n := range c.Cells(day) {
			if redisstream.Kept(day, cell, today) {
				out.Add(day, cell, n)
			}
		}
	}
	return out
}
