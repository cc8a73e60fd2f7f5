package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/outbox"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// manyScene counts a year of answers again. The bare program reads the same
// table with two readers, folds what it reads and writes the sums into one
// hash. What ours makes must be what SQL's GROUP BY says.
func manyScene() scene {
	return scene{
		figures: []figure{{
			name: "rebuild", what: "rebuild of all scores, 10 million answers, equal to SQL GROUP BY", beside: "two readers that scan and fold, HSET", target: 0.5, atLeast: true,
		}},
		run: runRebuild,
	}
}

func runRebuild(ctx context.Context, b *bench, record func(string, sample)) error {
	s, err := b.manyAnswers(ctx)
	if err != nil {
		return err
	}
	return s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		client, err := redisstream.Open(s.redis.url())
		if err != nil {
			return err
		}
		defer client.Close()
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "qingfeng.db")+"?mode=ro")
		if err != nil {
			return err
		}
		defer db.Close()
		target := outbox.Target{Source: store, Client: client, Node: node, Zone: cfg.Location(), Now: time.Now}
		for range b.rounds {
			began := time.Now()
			n, err := rawRebuild(ctx, db, s.redis.client)
			if err != nil {
				return err
			}
			raw := float64(n) / time.Since(began).Seconds()
			rebuilt, err := outbox.Rebuild(ctx, target, 0)
			if err != nil {
				return err
			}
			record("rebuild", sample{float64(n) / rebuilt.Took.Seconds(), raw})
		}
		return sameAsGroupBy(ctx, db, client)
	})
}

// cellBits is a rating as two numbers: what a bare program would group by.
type cellBits [2]int64

// rawRebuild counts the ratings by day, hour, place, version, mode, series,
// grade and flag, with two readers, and writes the sums into a hash.
func rawRebuild(ctx context.Context, db *sql.DB, client *redis.Client) (n int64, err error) {
	var middle, rows int64
	if err := db.QueryRowContext(ctx, "SELECT sum(n) FROM event_counts").Scan(&rows); err != nil {
		return 0, fmt.Errorf("count ratings: %w", err)
	}
	if err := db.QueryRowContext(ctx, `SELECT day FROM (SELECT day, sum(sum(n)) OVER (ORDER BY day) AS until FROM event_counts GROUP BY day)
		WHERE until >= ? ORDER BY day LIMIT 1`, rows/2).Scan(&middle); err != nil {
		return 0, fmt.Errorf("find the middle: %w", err)
	}
	var halves [2]map[cellBits]int64
	var counted [2]int64
	group, ctx := errgroup.WithContext(ctx)
	for i, where := range []string{"day < ?", "day >= ?"} {
		group.Go(func() (err error) {
			halves[i], counted[i], err = scanHalf(ctx, db, where, middle)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("scan ratings: %w", err)
	}
	for cell, k := range halves[1] {
		halves[0][cell] += k
	}
	return counted[0] + counted[1], writeHash(context.WithoutCancel(ctx), client, halves[0])
}

func scanHalf(ctx context.Context, db *sql.DB, where string, middle int64) (cells map[cellBits]int64, n int64, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	cells = map[cellBits]int64{}
	query := `SELECT (mode << 37) | (day << 12) | (hour << 7) | (grade << 3) | (series << 1) | (flags <> 0), (place << 32) | version FROM ratings WHERE ` + where
	err = conn.Raw(func(c any) error {
		rows, err := c.(*sqlite3.SQLiteConn).QueryContext(context.Background(), query, []driver.NamedValue{{Ordinal: 1, Value: middle}})
		if err != nil {
			return err
		}
		values := make([]driver.Value, 2)
		for {
			if err := rows.Next(values); errors.Is(err, io.EOF) {
				return rows.Close()
			} else if err != nil {
				return errors.Join(err, rows.Close())
			}
			cells[cellBits{values[0].(int64), values[1].(int64)}]++
			n++
		}
	})
	return cells, n, err
}

func writeHash(ctx context.Context, client *redis.Client, cells map[cellBits]int64) error {
	const key, atOnce = "raw:cells", 500
	if err := client.Del(ctx, key).Err(); err != nil {
		return err
	}
	pipe, fields := client.Pipeline(), make([]any, 0, 2*atOnce)
	for cell, k := range cells {
		fields = append(fields, strconv.FormatInt(cell[0], 36)+"|"+strconv.FormatInt(cell[1], 36), k)
		if len(fields) == cap(fields) {
			pipe.HSet(ctx, key, fields...)
			fields = make([]any, 0, 2*atOnce)
		}
	}
	if len(fields) > 0 {
		pipe.HSet(ctx, key, fields...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("write raw sums: %w", err)
	}
	return nil
}

// sameAsGroupBy holds the grades in Redis against SQL's own sums.
func sameAsGroupBy(ctx context.Context, db *sql.DB, client redis.UniversalClient) error {
	_, counts, err := redisstream.LoadCounts(ctx, client, node, 0, 0)
	if err != nil {
		return err
	}
	type spot struct {
		day     surveys.Day
		place   surveys.PlaceID
		grade   surveys.Grade
		series  surveys.Series
		flagged bool
	}
	got := map[spot]int64{}
	for _, day := range counts.Days() {
		for c, n := range counts.Cells(day) {
			if c.Kind == analytics.CellGrade {
				got[spot{day, c.Place, c.Grade, c.Series, c.Flagged}] += n
			}
		}
	}
	rows, err := db.QueryContext(ctx, `SELECT r.day, p.text, r.grade, CASE r.series WHEN 0 THEN 'asked' ELSE 'unasked' END, r.flags <> 0, count(*)
		FROM ratings r JOIN names p ON p.id = r.place GROUP BY 1, 2, 3, 4, 5`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at spot
		var want int64
		if err := rows.Scan(&at.day, &at.place, &at.grade, &at.series, &at.flagged, &want); err != nil {
			return err
		}
		if got[at] != want {
			return fmt.Errorf("the rebuilt scores say %d for %v, SQL says %d", got[at], at, want)
		}
		delete(got, at)
	}
	if len(got) > 0 {
		return fmt.Errorf("the rebuilt scores have %d sums SQL does not know", len(got))
	}
	return rows.Err()
}
