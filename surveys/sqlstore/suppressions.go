package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// SuppressNumberOf takes the number a text went to off every later text:
// the carrier says that it will never take one. Waiting texts are withdrawn and
// surveys that were not sent yet end as refused.
func (s *Store) SuppressNumberOf(ctx context.Context, text surveys.FactID, carrier, code string, at time.Time) error {
	err := s.act(ctx, func(t *tx) error { return t.suppress(text, carrier, code, at) })
	if err != nil {
		return fmt.Errorf("suppress number: %w", err)
	}
	return nil
}

func (t *tx) suppress(text surveys.FactID, carrier, code string, at time.Time) error {
	var sealed, index []byte
	if err := t.row("SELECT number, number_index FROM texts WHERE id = ?", text[:]).Scan(&sealed, &index); err != nil {
		return orNotFound(err)
	}
	number, err := unsealText(t.w.store.keys.phone, sealed, text)
	if err != nil {
		return err
	}
	var id int64
	err = t.row(`INSERT INTO suppressions (number, number_index, carrier, code, at) VALUES (x'', ?, ?, ?, ?) ON CONFLICT (number_index) DO NOTHING RETURNING id`,
		index, carrier, code, milliseconds(at)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		_, err = t.exec("UPDATE suppressions SET number = ? WHERE id = ?", sealText(t.w.store.keys.phone, number, rowID("suppr", id)), id)
	}
	if err != nil {
		return fmt.Errorf("write suppression: %w", err)
	}
	if err := t.withdrawTexts("number_index = ?", milliseconds(at), index); err != nil {
		return err
	}
	return t.endOpenOf(index, followup.InvitationRefused, "suppressed", at, true)
}

// Suppression is a number that gets no texts, without the number.
type Suppression struct {
	ID            int64
	Masked        string // the last four digits
	Carrier, Code string
	At            time.Time
}

// Suppressions lists up to limit suppressed numbers, newest first.
func (s *Store) Suppressions(ctx context.Context, limit int) ([]Suppression, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT id, number, carrier, code, at FROM suppressions ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("list suppressions: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (p Suppression, err error) {
		var sealed []byte
		var at int64
		if err = rows.Scan(&p.ID, &sealed, &p.Carrier, &p.Code, &at); err != nil {
			return p, err
		}
		p.At = moment(at)
		p.Masked, err = s.masked(sealed, rowID("suppr", p.ID))
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("list suppressions: %w", err)
	}
	return list, nil
}

// masked shows the last four digits of a sealed number.
func (s *Store) masked(sealed []byte, id surveys.FactID) (string, error) {
	number, err := unsealText(s.keys.phone, sealed, id)
	if err != nil {
		return "", err
	}
	return "…" + string(number)[max(0, len(number)-4):], nil
}

// LiftSuppression lets a number be texted again; that is audited.
func (s *Store) LiftSuppression(ctx context.Context, id int64, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM suppressions WHERE id = ?", id)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.audit(by, "suppression.lift", fmt.Sprint(id), "")
	})
	if err != nil {
		return fmt.Errorf("lift suppression: %w", err)
	}
	return nil
}
