package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"

	"qingfeng/surveys"
)

// usualEvents is room for what one look at the outbox finds on a busy day;
// clearing more costs more than the events.
const usualEvents = 64

// EventsAfter reads up to limit events with sequence numbers above after, in
// order. An answer that does not begin with after+1 means that the events
// between have been pruned: the reader must start from Fold.
func (s *Store) EventsAfter(ctx context.Context, after int64, limit int) ([]surveys.SequencedEvent, error) {
	conn, err := s.reading.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer conn.Close()
	events := make([]surveys.SequencedEvent, 0, min(limit, usualEvents))
	query := "SELECT sequence, event FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?"
	err = scan(ctx, conn, 2, query, []driver.Value{after, int64(limit)}, func(v []driver.Value) error {
		e := surveys.SequencedEvent{Sequence: v[0].(int64)}
		if err := surveys.ParseEvent(textOf(v[1]), &e.Event); err != nil {
			return fmt.Errorf("event %d: %w", e.Sequence, err)
		}
		events = append(events, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

const lastSequenceSQL = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)"

// LastSequence is the sequence number of the newest event ever written; 0 when
// there was none.
func (s *Store) LastSequence(ctx context.Context) (int64, error) {
	var n int64
	if err := s.reading.QueryRowContext(ctx, lastSequenceSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("read last sequence: %w", err)
	}
	return n, nil
}

// pruneStep bounds one transaction of pruning, so that facts do not wait.
const pruneStep = 5000

// PruneEvents removes events up to and including through, which every reader
// must have applied. Sequence numbers go on from where they were.
func (s *Store) PruneEvents(ctx context.Context, through int64) error {
	for {
		var more bool
		err := s.act(ctx, func(t *tx) error {
			var first int64
			if err := t.row("SELECT coalesce(min(sequence), 0) FROM outbox").Scan(&first); err != nil {
				return err
			}
			if first == 0 || first > through {
				more = false
				return nil
			}
			last := min(through, first+pruneStep-1)
			more = last < through
			_, err := t.exec("DELETE FROM outbox WHERE sequence <= ?", last)
			return err
		})
		if err != nil {
			return fmt.Errorf("prune events: %w", err)
		}
		if !more {
			return nil
		}
	}
}
