package sqlstore

import (
	"context"
	"fmt"

	"qingfeng/surveys"
)

// Report is what Verify found. Problems is empty when all is well.
type Report struct {
	Facts        int64 // stored facts of all kinds
	Ratings      int64
	Waiting      int64 // details whose rating has not arrived yet
	Events       int64 // ever written; also the last sequence
	AuditEntries int64
	Problems     []string
}

// maxProblems bounds the report of a badly damaged database.
const maxProblems = 100

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// OK reports whether nothing was found.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Verify looks at the whole store in one moment: the file's own integrity, the
// counts against a recount of the facts, the outbox without gaps, every fact
// with its row and every row with its fact, and the audit log's chain. It
// takes minutes on a large store and does not stop anybody. An error means the
// looking failed; what it found is in the report.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	var report Report
	snap, err := s.snapshot(ctx)
	if err != nil {
		return report, fmt.Errorf("verify: %w", err)
	}
	defer snap.close()
	db := snap.txs[0]
	report.Events = snap.watermark
	for _, check := range []func() error{
		func() error { return verifyFile(ctx, db, &report) },
		func() error { return verifyOutbox(ctx, db, snap.watermark, &report) },
		func() error { return verifyCounts(ctx, snap, &report) },
		func() error { return verifyRows(ctx, db, &report) },
		func() error { return verifyAudit(ctx, db, &report) },
	} {
		if err := check(); err != nil {
			return report, fmt.Errorf("verify: %w", err)
		}
	}
	return report, nil
}

func verifyFile(ctx context.Context, db querier, report *Report) error {
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return fmt.Errorf("check integrity: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("check integrity: %w", err)
		}
		if text != "ok" {
			report.problem("database file: %s", text)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("check integrity: %w", err)
	}
	var broken int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&broken); err != nil {
		return fmt.Errorf("check foreign keys: %w", err)
	}
	if broken > 0 {
		report.problem("database file: %d rows name a row that does not exist", broken)
	}
	return nil
}

func verifyOutbox(ctx context.Context, db querier, last int64, report *Report) error {
	var count, first, newest int64
	err := db.QueryRowContext(ctx, "SELECT count(*), coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM outbox").Scan(&count, &first, &newest)
	if err != nil {
		return fmt.Errorf("check outbox: %w", err)
	}
	if count > 0 && (count != newest-first+1 || newest != last) {
		report.problem("outbox: %d events from %d to %d, the last given is %d", count, first, newest, last)
	}
	var counted int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(sum(n), 0) FROM event_counts").Scan(&counted); err != nil {
		return fmt.Errorf("check outbox: %w", err)
	}
	if counted != last {
		report.problem("counts: add up to %d events, the outbox has given %d", counted, last)
	}
	return nil
}

func verifyCounts(ctx context.Context, snap *snapshot, report *Report) error {
	r, err := newRecount(ctx, snap.conns[0], 0, false)
	if err != nil {
		return err
	}
	if err := r.run(ctx, snap.conns); err != nil {
		return err
	}
	err = scanCounts(ctx, snap.conns[0], 0, func(c cell, n int64) error {
		if counted := r.counts[c]; counted != n {
			e := c.event(r.names)
			report.problem("counts: %s on %s at %q, grade %d: kept %d, recounted %d", e.Kind, e.Day, e.Place, e.Grade, n, counted)
		}
		delete(r.counts, c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	for c, n := range r.counts {
		e := c.event(r.names)
		report.problem("counts: %s on %s at %q, grade %d: kept 0, recounted %d", e.Kind, e.Day, e.Place, e.Grade, n)
	}
	return nil
}

// verifyRows holds the facts against the rows of their kinds.
func verifyRows(ctx context.Context, db querier, report *Report) error {
	for _, c := range []struct{ problem, query string }{
		{"%d stored facts have no row of their kind", `SELECT count(*) FROM facts f WHERE outcome = 1 AND NOT CASE kind
			WHEN 1 THEN EXISTS (SELECT 1 FROM ratings r WHERE r.day = f.day AND r.id = f.id)
			WHEN 2 THEN EXISTS (SELECT 1 FROM details d WHERE d.day = f.day AND d.id = f.id)
			WHEN 3 THEN EXISTS (SELECT 1 FROM prompt_showings p WHERE p.id = f.id)
			WHEN 4 THEN EXISTS (SELECT 1 FROM self_tests t WHERE t.day = f.day AND t.id = f.id) ELSE 0 END`},
		{"%d ratings are not registered as stored facts", unregistered("ratings", factRating)},
		{"%d details are not registered as stored facts", unregistered("details", factDetail)},
		{"%d showings are not registered as stored facts", unregistered("prompt_showings", factShowing)},
		{"%d self-tests are not registered as stored facts", unregistered("self_tests", factTest)},
		{"%d facts that were not stored have not been set aside", `SELECT count(*) FROM facts f WHERE outcome <> 1
			AND NOT EXISTS (SELECT 1 FROM set_asides s WHERE s.fact = f.id)`},
		{"%d low ratings have no call-back", fmt.Sprintf(`SELECT count(*) FROM ratings r WHERE grade <= 2 AND NOT (series = 1 AND flags & %d <> 0)
			AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.rating = r.id)`, surveys.FlagBurst)}, // those beyond a device's bound are flagged
		{"%d call-backs have neither a low rating nor a number", `SELECT count(*) FROM callbacks c LEFT JOIN facts f ON f.id = c.rating
			LEFT JOIN ratings r ON r.day = f.day AND r.id = f.id WHERE r.grade IS NULL AND NOT EXISTS (SELECT 1 FROM responses s WHERE s.invitation = c.rating
			AND (s.grade IN (1, 2) OR s.wants_call = 1)) OR r.grade > 2
			AND NOT EXISTS (SELECT 1 FROM details d WHERE d.rating = c.rating AND length(d.phone) > 0)`},
		{"%d low grades of surveys have no call-back", `SELECT count(*) FROM responses s WHERE grade IN (1, 2)
			AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.rating = s.invitation)`},
		{"%d invitations are marked as answered without a response", `SELECT count(*) FROM invitations i WHERE answered_at > 0
			AND NOT EXISTS (SELECT 1 FROM responses s WHERE s.invitation = i.id)`},
		{"%d responses go on though their invitations have ended", `SELECT count(*) FROM responses s JOIN invitations i ON i.id = s.invitation
			WHERE s.ended_at = 0 AND i.ended_at > 0`},
		{"%d invitations are marked as offered without a text that was taken", `SELECT count(*) FROM invitations i WHERE offered_day > 0
			AND NOT EXISTS (SELECT 1 FROM texts x WHERE x.invitation = i.id AND x.purpose = 'invite' AND x.taken_at > 0)`},
		{"%d overall answers are not the grade that was counted", `SELECT count(*) FROM responses s LEFT JOIN answers a ON a.invitation = s.invitation
			AND a.item = s.grade_item WHERE s.grade > 0 AND coalesce(a.value, 0) <> s.grade`},
		{"%d texts wait for a person who opted out", `SELECT count(*) FROM texts x WHERE x.state = 'waiting' AND x.urgency = 1
			AND EXISTS (SELECT 1 FROM opt_outs o WHERE o.number_index = x.number_index AND o.ended_at = 0)`},
		{"%d asked ratings answer a prompt that is not marked as rated and shown", `SELECT count(*) FROM ratings r
			LEFT JOIN prompts p ON p.id = r.dedupe_key WHERE r.series = 0 AND (p.id IS NULL OR p.rated_at = 0 OR p.shown_at = 0)`},
		{"%d prompts are marked as rated without a rating", `SELECT count(*) FROM prompts p WHERE rated_at <> 0
			AND NOT EXISTS (SELECT 1 FROM ratings r WHERE r.dedupe_key = p.id)`},
		{"%d ratings are flagged as rated twice, with no second one set aside", fmt.Sprintf(`SELECT max(0,
			(SELECT count(*) FROM ratings WHERE flags & %d <> 0) - (SELECT count(*) FROM facts WHERE kind = %d AND outcome = %d))`,
			surveys.FlagRatedTwice, factRating, outcomeAlreadyRated)},
		{"%d details have a rating and are not counted", `SELECT count(*) FROM details d JOIN facts f ON f.id = d.rating
			WHERE d.rating_day = 0 AND f.kind = 1 AND f.outcome = 1`},
		{"%d details wait for a rating that was set aside or is none", `SELECT count(*) FROM details d JOIN facts f ON f.id = d.rating
			WHERE d.rating_day = 0 AND NOT (f.kind = 1 AND f.outcome = 1)`},
	} {
		var n int64
		if err := db.QueryRowContext(ctx, c.query).Scan(&n); err != nil {
			return fmt.Errorf("check rows: %w", err)
		}
		if n > 0 {
			report.problem("rows: "+c.problem, n)
		}
	}
	err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM facts WHERE outcome = 1), (SELECT count(*) FROM ratings),
		(SELECT count(*) FROM details WHERE rating_day = 0)`).Scan(&report.Facts, &report.Ratings, &report.Waiting)
	if err != nil {
		return fmt.Errorf("count facts: %w", err)
	}
	return nil
}

func unregistered(table string, kind int) string {
	return fmt.Sprintf("SELECT count(*) FROM %s t WHERE NOT EXISTS (SELECT 1 FROM facts f WHERE f.id = t.id AND f.kind = %d AND f.outcome = 1)", table, kind)
}
