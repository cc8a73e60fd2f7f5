package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// DispositionFilter chooses the weeks from that of From to that of To, both
// included; 0 leaves an end open. No departments means all.
type DispositionFilter struct {
	From, To    surveys.Day
	Departments []surveys.DepartmentID
}

// Disposition is what became of a group of invitations. The week is the ISO
// week in which they were sent or, while they wait, are to be sent. The
// response rate is Answered/Offered.
type Disposition struct {
	Mode        surveys.Mode
	Department  surveys.DepartmentID
	Year, Week  int
	State       followup.InvitationState
	Invitations int64
	Offered     int64 // the carrier took the first text
	Answered    int64 // at least one answer
	Cost        surveys.Fen
}

// Dispositions counts invitations by week, mode, department and state, in that
// order.
func (s *Store) Dispositions(ctx context.Context, f DispositionFilter) ([]Disposition, error) {
	query := `SELECT i.week, m.text, coalesce(d.text, ''), i.state, count(*), sum(i.offered_day > 0), sum(i.answered_at > 0 AND i.offered_day > 0),
		sum(coalesce((SELECT sum(x.cost) FROM texts x WHERE x.invitation = i.id), 0))
		FROM invitations i JOIN names m ON m.id = i.mode LEFT JOIN names d ON d.id = i.department WHERE i.week >= ? AND i.week <= ?`
	from, to := int64(0), int64(999999)
	if f.From != 0 {
		from = weekOf(f.From.Start(s.opt.Zone), s.opt.Zone)
	}
	if f.To != 0 {
		to = weekOf(f.To.Start(s.opt.Zone), s.opt.Zone)
	}
	args := []any{from, to}
	if len(f.Departments) > 0 {
		query += " AND d.text IN (?" + strings.Repeat(", ?", len(f.Departments)-1) + ")"
		for _, id := range f.Departments {
			args = append(args, string(id))
		}
	}
	rows, err := s.reading.QueryContext(ctx, query+" GROUP BY i.week, m.text, d.text, i.state ORDER BY i.week, m.text, d.text, i.state", args...)
	if err != nil {
		return nil, fmt.Errorf("count dispositions: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (d Disposition, err error) {
		var week int
		err = rows.Scan(&week, &d.Mode, &d.Department, &d.State, &d.Invitations, &d.Offered, &d.Answered, &d.Cost)
		d.Year, d.Week = week/100, week%100
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("count dispositions: %w", err)
	}
	return list, nil
}

// DemoOffset is how far the demonstration's clock is ahead; 0 unless somebody
// moved it.
func (s *Store) DemoOffset(ctx context.Context) (time.Duration, error) {
	var text []byte
	err := s.reading.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'demo_offset'").Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read demo clock: %w", err)
	}
	ms, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, errors.New("read demo clock: setting is damaged")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// SetDemoOffset moves the demonstration's clock; that is audited.
func (s *Store) SetDemoOffset(ctx context.Context, d time.Duration, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO settings (name, value) VALUES ('demo_offset', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			[]byte(strconv.FormatInt(d.Milliseconds(), 10)))
		if err != nil {
			return err
		}
		return t.audit(by, "demo_clock.move", "", d.String())
	})
	if err != nil {
		return fmt.Errorf("move demo clock: %w", err)
	}
	return nil
}
