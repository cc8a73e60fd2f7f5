package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// PublishedForm is a frozen revision of a survey after discharge.
type PublishedForm struct {
	Form        followup.Form
	Version     surveys.VersionID
	PublishedAt time.Time
}

// PublishForm freezes a revision; from then on invitations may name its
// version. Publishing the same content again changes nothing; other content
// under the same id and revision is ErrFrozen.
func (s *Store) PublishForm(ctx context.Context, f *followup.Form) error {
	version := f.Version()
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("INSERT INTO forms (version, id, revision, content, published_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			string(version), f.ID, f.Revision, string(f.Canonical()), milliseconds(t.now()))
		if err != nil || n == 1 {
			return err
		}
		var kept string
		err = t.row("SELECT version FROM forms WHERE id = ? AND revision = ?", f.ID, f.Revision).Scan(&kept)
		if err == nil && kept != string(version) {
			return ErrFrozen
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("publish form %s revision %d: %w", f.ID, f.Revision, err)
	}
	return nil
}

// Forms lists every published revision, by id, newest revision first.
func (s *Store) Forms(ctx context.Context) ([]PublishedForm, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT version, content, published_at FROM forms ORDER BY id, revision DESC")
	if err != nil {
		return nil, fmt.Errorf("list forms: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (p PublishedForm, err error) {
		var content string
		var at int64
		if err := rows.Scan(&p.Version, &content, &at); err != nil {
			return p, err
		}
		p.PublishedAt = moment(at)
		return p, json.Unmarshal([]byte(content), &p.Form)
	})
	if err != nil {
		return nil, fmt.Errorf("list forms: %w", err)
	}
	return list, nil
}

// FindForm finds a published version, or ErrNotFound. A version never changes
// and is remembered: callers share the form and must not change it.
func (s *Store) FindForm(ctx context.Context, version surveys.VersionID) (*followup.Form, error) {
	f, err := s.form(s.reading.QueryRowContext, ctx, version)
	if err != nil {
		return nil, fmt.Errorf("find form %s: %w", version, err)
	}
	return f, nil
}

// form reads a published version with query, once in the store's life.
func (s *Store) form(query func(context.Context, string, ...any) *sql.Row, ctx context.Context, version surveys.VersionID) (*followup.Form, error) {
	if f, ok := s.forms.Load(version); ok {
		return f.(*followup.Form), nil
	}
	var content string
	if err := query(ctx, "SELECT content FROM forms WHERE version = ?", string(version)).Scan(&content); err != nil {
		return nil, orNotFound(err)
	}
	f := new(followup.Form)
	if err := json.Unmarshal([]byte(content), f); err != nil {
		return nil, fmt.Errorf("published form is damaged: %w", err)
	}
	s.forms.Store(version, f)
	return f, nil
}

// form finds the published version an invitation names. A form published in
// the open transaction is remembered too: its version is its content.
func (t *tx) form(version surveys.VersionID) (*followup.Form, error) {
	return t.w.store.form(t.w.conn.QueryRowContext, context.Background(), version)
}
