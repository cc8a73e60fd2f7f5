package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "github.com/mattn/go-sqlite3" // opens the file past the store

	"qingfeng/surveys"
)

// BulkOptions say what Bulk makes. All fields are needed.
type BulkOptions struct {
	Answers int
	Days    int // before and including Until
	Until   surveys.Day
	Zone    *time.Location
	Places  []surveys.Place
	// Questionnaire the answers are to; it must be published in the store.
	Questionnaire *surveys.Questionnaire
}

// Bulk writes years of unasked ratings into a store that exists, is closed and
// has no facts yet: some hundred thousand a second, where Seed, which goes
// through the store's own door, makes some ten thousand. What it leaves is what
// that door would have left after everything was counted and pruned; Verify
// finds nothing wrong with it.
func Bulk(ctx context.Context, path string, opt BulkOptions) (err error) {
	query := url.Values{"_journal_mode": {"WAL"}, "_synchronous": {"OFF"}, "_cache_size": {"-64000"}}
	db, err := sql.Open("sqlite3", "file:"+path+"?"+query.Encode())
	if err != nil {
		return fmt.Errorf("open store past its door: %w", err)
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := bulkNames(ctx, db, opt); err != nil {
		return fmt.Errorf("write names: %w", err)
	}
	first, left := opt.Until.AddDays(1-opt.Days), opt.Answers
	for i := range opt.Days {
		day, n := first.AddDays(i), left/(opt.Days-i)
		left -= n
		if err := bulkDay(ctx, db, day, day.Start(opt.Zone).Add(8*time.Hour), n); err != nil {
			return fmt.Errorf("write %s: %w", day, err)
		}
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)", opt.Answers); err != nil {
		return fmt.Errorf("set the last sequence: %w", err)
	}
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// bulkNames numbers all words and puts the places where bulkDay draws from.
func bulkNames(ctx context.Context, db *sql.DB, opt BulkOptions) error {
	id := func(word string) (n int64, err error) {
		_, err = db.ExecContext(ctx, "INSERT INTO names (text) VALUES (?) ON CONFLICT DO NOTHING", word)
		if err == nil {
			err = db.QueryRowContext(ctx, "SELECT id FROM names WHERE text = ?", word).Scan(&n)
		}
		return n, err
	}
	_, err := db.ExecContext(ctx, `CREATE TEMP TABLE draw (k INTEGER PRIMARY KEY, place, department, mode, version, item, language)`)
	if err != nil {
		return err
	}
	item, _ := opt.Questionnaire.GradeItem()
	for k, p := range opt.Places {
		args := []any{k}
		for _, word := range []string{
			string(p.ID), string(p.Department), string(p.Kind.Mode()), string(opt.Questionnaire.Version()), string(item.ID), "zh",
		} {
			n, err := id(word)
			if err != nil {
				return err
			}
			args = append(args, n)
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO draw VALUES (?, ?, ?, ?, ?, ?, ?)", args...); err != nil {
			return err
		}
	}
	return nil
}

// bulkDay writes n ratings over the ten hours from open on. A multiplicative
// hash stands for chance: one answer in twelve is low.
func bulkDay(ctx context.Context, db *sql.DB, day surveys.Day, open time.Time, n int) error {
	if n == 0 {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, statement := range []string{
		`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?3),
			drawn (i, at, chance) AS (SELECT i, ?2 + i * 36000000 / ?3, ((i * 2654435761 + ?1 * 40503) >> 8) & 0xffffff FROM n)
		INSERT INTO ratings (day, id, dedupe_key, hour, occurred_at, department, place, staff, version, mode, series, grade, flags, dwell_ms, language)
		SELECT ?1, unhex(printf('%012x7%03x8%015x', at, i & 4095, i)), unhex(printf('%012x7%03x8%015x', at, i & 4095, i)), 8 + i * 10 / ?3, at,
			d.department, d.place, 0, d.version, d.mode, 1,
			CASE chance % 24 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 3 WHEN 4 THEN 4 WHEN 5 THEN 4 WHEN 6 THEN 4 WHEN 7 THEN 4 ELSE 5 END,
			0, 3000, d.language
		FROM drawn CROSS JOIN draw d ON d.k = (chance / 24) % (SELECT count(*) FROM draw)`,
		`INSERT INTO facts (id, kind, body_hash, outcome, day, device, client_at, received_at)
		SELECT id, 1, id, 1, day, zeroblob(16), occurred_at, occurred_at + 50 FROM ratings WHERE day = ?1 AND ?2 AND ?3`,
		`INSERT INTO callbacks (rating, at, opened_on, due_on, department, place, grade, state, outcome, closed_at, closed_on)
		SELECT id, occurred_at, day, day, department, place, grade, 'done', 'no_number', occurred_at, day FROM ratings
		WHERE day = ?1 AND ?2 AND ?3 AND grade <= 2`,
		`INSERT INTO event_counts (day, kind, place, department, staff, version, item, mode, series, grade, flagged, tags, device, key_worked, n)
		SELECT r.day, 1, r.place, r.department, r.staff, r.version, (SELECT item FROM draw), r.mode, r.series, r.grade, 0, 0, 0, 0, count(*)
		FROM ratings r WHERE r.day = ?1 AND ?2 AND ?3 GROUP BY r.place, r.department, r.version, r.mode, r.series, r.grade`,
	} {
		if _, err := tx.ExecContext(ctx, statement, int64(day), open.UnixMilli(), n); err != nil {
			return err
		}
	}
	return tx.Commit()
}
