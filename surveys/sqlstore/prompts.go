package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
)

const promptColumns = `p.id, n.text, p.number, p.kind, p.staff, p.completed_at, p.created_at, p.expires_at, p.shown_at, p.rated_at
	FROM prompts p JOIN names n ON n.id = p.window`

func scanPrompt(row interface{ Scan(...any) error }) (p surveys.Prompt, err error) {
	var id []byte
	var completed, created, expires, shown, rated int64
	err = row.Scan(&id, &p.Transaction.Window, &p.Transaction.Number, &p.Transaction.Kind, &p.Transaction.Staff, &completed, &created, &expires, &shown, &rated)
	if err != nil {
		return surveys.Prompt{}, orNotFound(err)
	}
	copy(p.ID[:], id)
	p.Transaction.CompletedAt = moment(completed)
	p.CreatedAt, p.ExpiresAt, p.ShownAt, p.RatedAt = moment(created), moment(expires), moment(shown), moment(rated)
	return p, nil
}

// CreatePrompt keeps a transaction that is to be rated. A number already known
// at the window gives the prompt made the first time and created false if
// kind, staff and completion time are the same, ErrTransactionConflict if they
// are not. Leave CompletedAt zero when the window's system does not say:
// a moment made up by the caller would turn every repeat into a conflict.
func (s *Store) CreatePrompt(ctx context.Context, p surveys.Prompt) (got surveys.Prompt, created bool, err error) {
	if p.ID.IsZero() {
		return got, false, errors.New("create prompt: it has no id")
	}
	if err := surveys.CheckTransactionNumber(p.Transaction.Number); err != nil {
		return got, false, fmt.Errorf("create prompt: %w", err)
	}
	err = s.act(ctx, func(t *tx) error {
		if created, err = t.insertPrompt(&p); err != nil {
			return err
		}
		got, err = scanPrompt(t.row("SELECT "+promptColumns+" WHERE n.text = ? AND p.number = ?", string(p.Transaction.Window), string(p.Transaction.Number)))
		if err != nil {
			return err
		}
		a, b := got.Transaction, p.Transaction
		if a.Kind != b.Kind || a.Staff != b.Staff || milliseconds(a.CompletedAt) != milliseconds(b.CompletedAt) {
			return ErrTransactionConflict
		}
		return nil
	})
	if err != nil {
		return surveys.Prompt{}, false, fmt.Errorf("create prompt: %w", err)
	}
	return got, created, nil
}

func (t *tx) insertPrompt(p *surveys.Prompt) (created bool, err error) {
	place, _ := t.w.store.opt.Place(p.Transaction.Window)
	mode := surveys.ModeWindow
	if place.Kind != "" {
		mode = place.Kind.Mode()
	}
	var ids [4]nameID
	for i, text := range []string{string(p.Transaction.Window), string(t.w.store.keys.staffRef(p.Transaction.Staff)), string(place.Department), string(mode)} {
		if ids[i], err = t.w.name(text); err != nil {
			return false, err
		}
	}
	n, err := t.exec(`INSERT INTO prompts (id, window, number, kind, staff, staff_ref, department, mode, completed_at, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (window, number) DO NOTHING`,
		p.ID[:], ids[0], string(p.Transaction.Number), string(p.Transaction.Kind), string(p.Transaction.Staff), ids[1], ids[2], ids[3],
		milliseconds(p.Transaction.CompletedAt), milliseconds(p.CreatedAt), milliseconds(p.ExpiresAt))
	return n == 1, err
}

// FindPrompt finds a prompt by id, or ErrNotFound.
func (s *Store) FindPrompt(ctx context.Context, id surveys.FactID) (surveys.Prompt, error) {
	p, err := scanPrompt(s.reading.QueryRowContext(ctx, "SELECT "+promptColumns+" WHERE p.id = ?", id[:]))
	if err != nil {
		return surveys.Prompt{}, fmt.Errorf("find prompt: %w", err)
	}
	return p, nil
}

// FindOpenPrompt finds the window's newest prompt that is neither rated nor
// expired at now, or ErrNotFound.
func (s *Store) FindOpenPrompt(ctx context.Context, window surveys.PlaceID, now time.Time) (surveys.Prompt, error) {
	p, err := scanPrompt(s.reading.QueryRowContext(ctx, "SELECT "+promptColumns+` WHERE p.window = (SELECT id FROM names WHERE text = ?)
		AND p.expires_at > ? AND p.rated_at = 0 ORDER BY p.created_at DESC, p.id DESC LIMIT 1`, string(window), milliseconds(now)))
	if err != nil {
		return surveys.Prompt{}, fmt.Errorf("find open prompt: %w", err)
	}
	return p, nil
}

// WindowDay counts the prompts that were offered at a window on a day and the
// asked ratings given there on that day. It never tells a grade.
func (s *Store) WindowDay(ctx context.Context, window surveys.PlaceID, day surveys.Day) (offered, answered int64, err error) {
	count := func(kind int, series surveys.Series) (n int64, err error) {
		var sum sql.NullInt64
		err = s.reading.QueryRowContext(ctx, `SELECT sum(n) FROM event_counts WHERE day = ? AND kind = ? AND series = ?
			AND place = (SELECT id FROM names WHERE text = ?)`, int64(day), kind, seriesNumber(series), string(window)).Scan(&sum)
		return sum.Int64, err
	}
	if offered, err = count(kindOffered, surveys.SeriesAsked); err != nil {
		return 0, 0, fmt.Errorf("count a window's day: %w", err)
	}
	if answered, err = count(kindRated, surveys.SeriesAsked); err != nil {
		return 0, 0, fmt.Errorf("count a window's day: %w", err)
	}
	return offered, answered, nil
}
