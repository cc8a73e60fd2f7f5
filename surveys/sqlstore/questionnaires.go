package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// PublishedQuestionnaire is a frozen revision.
type PublishedQuestionnaire struct {
	Questionnaire surveys.Questionnaire
	Version       surveys.VersionID
	PublishedAt   time.Time
}

// PublishQuestionnaire freezes a revision; from then on ratings may name its
// version. Publishing the same content again changes nothing; other content
// under the same id and revision is ErrFrozen.
func (s *Store) PublishQuestionnaire(ctx context.Context, q *surveys.Questionnaire) error {
	if problems := q.Check(); len(problems) > 0 {
		return fmt.Errorf("publish questionnaire %s: %s", q.ID, problems[0])
	}
	version := q.Version()
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("INSERT INTO questionnaires (version, id, revision, content, published_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			string(version), q.ID, q.Revision, string(q.Canonical()), milliseconds(t.now()))
		if err != nil || n == 1 {
			return err
		}
		var kept string
		err = t.row("SELECT version FROM questionnaires WHERE id = ? AND revision = ?", q.ID, q.Revision).Scan(&kept)
		if err == nil && kept != string(version) {
			return ErrFrozen
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("publish questionnaire %s revision %d: %w", q.ID, q.Revision, err)
	}
	return nil
}

// Questionnaires lists every published revision, by id, newest revision first.
func (s *Store) Questionnaires(ctx context.Context) ([]PublishedQuestionnaire, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT version, content, published_at FROM questionnaires ORDER BY id, revision DESC")
	if err != nil {
		return nil, fmt.Errorf("list questionnaires: %w", err)
	}
	list, err := collect(rows, scanQuestionnaire)
	if err != nil {
		return nil, fmt.Errorf("list questionnaires: %w", err)
	}
	return list, nil
}

// FindQuestionnaire finds a published version, or ErrNotFound.
func (s *Store) FindQuestionnaire(ctx context.Context, version surveys.VersionID) (PublishedQuestionnaire, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT version, content, published_at FROM questionnaires WHERE version = ?", string(version))
	if err != nil {
		return PublishedQuestionnaire{}, fmt.Errorf("find questionnaire: %w", err)
	}
	list, err := collect(rows, scanQuestionnaire)
	if err != nil {
		return PublishedQuestionnaire{}, fmt.Errorf("find questionnaire: %w", err)
	}
	if len(list) == 0 {
		return PublishedQuestionnaire{}, fmt.Errorf("find questionnaire %s: %w", version, ErrNotFound)
	}
	return list[0], nil
}

// frozen finds a published version and remembers it: a version never changes,
// so the copy is good for the store's life. One that was never published is an
// empty questionnaire.
func (s *Store) frozen(ctx context.Context, version surveys.VersionID) (*surveys.Questionnaire, error) {
	if q, ok := s.published.Load(version); ok {
		return q.(*surveys.Questionnaire), nil
	}
	found, err := s.FindQuestionnaire(ctx, version)
	if errors.Is(err, ErrNotFound) {
		return &surveys.Questionnaire{}, nil
	}
	if err != nil {
		return nil, err
	}
	s.published.Store(version, &found.Questionnaire)
	return &found.Questionnaire, nil
}

func scanQuestionnaire(rows *sql.Rows) (p PublishedQuestionnaire, err error) {
	var content string
	var at int64
	if err := rows.Scan(&p.Version, &content, &at); err != nil {
		return p, err
	}
	p.PublishedAt = moment(at)
	return p, json.Unmarshal([]byte(content), &p.Questionnaire)
}

// questionnaire finds a published version, nil when there is none.
func (w *writer) questionnaire(version surveys.VersionID) (*surveys.Questionnaire, error) {
	if q, ok := w.cache.questionnaires[version]; ok {
		return q, nil
	}
	var content [1]driver.Value
	found, err := w.st.findQuestionnaire.row(content[:], string(version))
	if err != nil {
		return nil, fmt.Errorf("find questionnaire: %w", err)
	}
	if !found {
		return nil, nil
	}
	q := new(surveys.Questionnaire)
	if err := json.Unmarshal([]byte(textOf(content[0])), q); err != nil {
		return nil, errors.Join(errors.New("published questionnaire is damaged"), err)
	}
	w.cache.questionnaires[version] = q
	return q, nil
}
