package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// OptOutEntry is an opt-out as the desk lists it, without the number.
type OptOutEntry struct {
	ID       int64
	Masked   string // the last four digits
	How      string // "reply", "desk", "carrier"
	At       time.Time
	EndedAt  time.Time // zero: it stands
	EndedHow string
}

// OptOut keeps the hospital's surveys off a number, and off the people who were
// written to at it, whatever number they have later. Waiting texts are
// withdrawn and open surveys end. An opt-out that stands stays as it is.
func (s *Store) OptOut(ctx context.Context, n texting.Number, how string, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		if err := t.optOut(n, how, t.now()); err != nil {
			return err
		}
		return t.audit(by, "opt_out.record", "", how)
	})
	if err != nil {
		return fmt.Errorf("opt out: %w", err)
	}
	return nil
}

// OptIn undoes the opt-out of a number. What was withdrawn stays so.
func (s *Store) OptIn(ctx context.Context, n texting.Number, how string, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		if err := t.optIn(s.keys.phoneIndex(n.E164()), how, t.now()); err != nil {
			return err
		}
		return t.audit(by, "opt_out.undo", "", how)
	})
	if err != nil {
		return fmt.Errorf("opt in: %w", err)
	}
	return nil
}

func (t *tx) optOut(n texting.Number, how string, at time.Time) error {
	k := t.w.store.keys
	index := k.phoneIndex(n.E164())
	var id int64
	err := t.row("SELECT id FROM opt_outs WHERE number_index = ? AND ended_at = 0", index).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		id, err = t.insert("INSERT INTO opt_outs (number, number_index, how, at) VALUES (x'', ?, ?, ?)", index, how, milliseconds(at))
		if err == nil {
			_, err = t.exec("UPDATE opt_outs SET number = ? WHERE id = ?", sealText(k.phone, n.Secret, rowID("optout", id)), id)
		}
	}
	if err != nil {
		return fmt.Errorf("write opt-out: %w", err)
	}
	_, err = t.exec(`INSERT INTO opt_out_patients (patient, opt_out) SELECT DISTINCT patient, ?2 FROM invitations WHERE number_index = ?1 AND sent_at > 0
		ON CONFLICT DO NOTHING`, index, id)
	if err != nil {
		return fmt.Errorf("write opt-out: %w", err)
	}
	if err := t.withdrawTexts("number_index = ? AND purpose <> 'clue_received'", milliseconds(at), index); err != nil {
		return err
	}
	return t.endOpenOf(index, followup.InvitationOptedOut, "", at, false)
}

func (t *tx) optIn(index []byte, how string, at time.Time) error {
	_, err := t.exec("UPDATE opt_outs SET ended_at = ?, ended_how = ? WHERE number_index = ? AND ended_at = 0", milliseconds(at), how, index)
	if err != nil {
		return fmt.Errorf("end opt-out: %w", err)
	}
	return nil
}

// IsOptedOut reports whether an opt-out stands for a number.
func (s *Store) IsOptedOut(ctx context.Context, n texting.Number) (out bool, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM opt_outs WHERE number_index = ? AND ended_at = 0)", s.keys.phoneIndex(n.E164())).Scan(&out)
	if err != nil {
		return false, fmt.Errorf("look up opt-out: %w", err)
	}
	return out, nil
}

// OptOuts lists up to limit opt-outs, newest first; standing leaves out those
// that were undone.
func (s *Store) OptOuts(ctx context.Context, standing bool, limit int) ([]OptOutEntry, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT id, number, how, at, ended_at, ended_how FROM opt_outs WHERE NOT ? OR ended_at = 0 ORDER BY id DESC LIMIT ?`,
		standing, limit)
	if err != nil {
		return nil, fmt.Errorf("list opt-outs: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (e OptOutEntry, err error) {
		var sealed []byte
		var at, ended int64
		if err = rows.Scan(&e.ID, &sealed, &e.How, &at, &ended, &e.EndedHow); err != nil {
			return e, err
		}
		e.At, e.EndedAt = moment(at), moment(ended)
		e.Masked, err = s.masked(sealed, rowID("optout", e.ID))
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("list opt-outs: %w", err)
	}
	return list, nil
}
