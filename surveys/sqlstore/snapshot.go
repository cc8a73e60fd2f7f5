package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// querier is what reading needs of a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// snapshot is one or two read transactions that see the same facts.
type snapshot struct {
	conns     []*sql.Conn
	txs       []*sql.Tx
	watermark int64 // last sequence contained
}

// snapshotTries bounds how often a second transaction is opened until it sees
// what the first sees. Between two commits there are milliseconds, and opening
// takes microseconds.
const snapshotTries = 100

// snapshot opens two transactions of the same moment; under a storm of commits
// it settles for one. Every change that counts writes an event, so two
// transactions with the same last sequence hold the same facts.
func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	snap := &snapshot{}
	mark, err := snap.add(ctx, s.reading)
	if err != nil {
		return nil, errors.Join(err, snap.close())
	}
	snap.watermark = mark
	for range snapshotTries {
		mark, err := snap.add(ctx, s.reading)
		if err != nil {
			return nil, errors.Join(err, snap.close())
		}
		if mark == snap.watermark {
			return snap, nil
		}
		// The newer one becomes the first, the older one is given back.
		older := &snapshot{conns: snap.conns[:1], txs: snap.txs[:1]}
		snap.conns, snap.txs, snap.watermark = snap.conns[1:], snap.txs[1:], mark
		if err := older.close(); err != nil {
			return nil, errors.Join(err, snap.close())
		}
	}
	return snap, nil
}

// add opens one more transaction and reads, which is what fixes its moment.
func (s *snapshot) add(ctx context.Context, pool *sql.DB) (mark int64, err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("open reading connection: %w", err)
	}
	s.conns = append(s.conns, conn)
	// Not ctx: its end would roll back while the driver is being used.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return 0, fmt.Errorf("begin reading: %w", err)
	}
	s.txs = append(s.txs, tx)
	if err := tx.QueryRowContext(ctx, lastSequenceSQL).Scan(&mark); err != nil {
		return 0, fmt.Errorf("read last sequence: %w", err)
	}
	return mark, nil
}

func (s *snapshot) close() error {
	var errs []error
	for _, tx := range s.txs {
		errs = append(errs, tx.Rollback())
	}
	for _, conn := range s.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// cancelEvery rows a long scan asks whether its caller still waits.
const cancelEvery = 4096

// scan gives each row's values to each, through the driver itself: scanning
// into Go variables by database/sql takes longer than reading the row. The
// values are good until each returns.
func scan(ctx context.Context, conn *sql.Conn, columns int, query string, args []driver.Value, each func([]driver.Value) error) error {
	return conn.Raw(func(c any) error {
		named := make([]driver.NamedValue, len(args))
		for i, v := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
		}
		rows, err := c.(*sqlite3.SQLiteConn).QueryContext(context.Background(), query, named)
		if err != nil {
			return err
		}
		values := make([]driver.Value, columns)
		for n := 0; err == nil; n++ {
			if n%cancelEvery == 0 {
				if err = ctx.Err(); err != nil {
					break
				}
			}
			if err = rows.Next(values); err == nil {
				err = each(values)
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(err, rows.Close())
	})
}
