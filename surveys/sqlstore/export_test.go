package sqlstore

import (
	"context"
	"database/sql"

	"qingfeng/surveys"
)

// Pragma reads a setting of the writing connection.
func (s *Store) Pragma(ctx context.Context, name string) (value int64, err error) {
	err = s.act(ctx, func(t *tx) error { return t.row("PRAGMA " + name).Scan(&value) })
	return value, err
}

// Meddle runs a statement on the writing connection, behind the store's back.
func (s *Store) Meddle(ctx context.Context, query string, args ...any) error {
	return s.act(ctx, func(t *tx) error { _, err := t.exec(query, args...); return err })
}

// Ask reads one value.
func (s *Store) Ask(ctx context.Context, dest any, query string, args ...any) error {
	return s.reading.QueryRowContext(ctx, query, args...).Scan(dest)
}

// Reading is the pool of readers.
func (s *Store) Reading() *sql.DB { return s.reading }

// Fail runs an action that returns err.
func (s *Store) Fail(ctx context.Context, err error) error {
	return s.act(ctx, func(t *tx) error {
		if _, e := t.exec("INSERT INTO settings (name, value) VALUES ('spoilt', 1)"); e != nil {
			return e
		}
		return err
	})
}

// NormalPhone is the number as it is sealed.
func NormalPhone(typed surveys.Secret) string { return normalPhone(typed) }

// MigrateTo makes a database of an older schema at path.
func MigrateTo(ctx context.Context, path string, version int64) error {
	db := openPool(path, roleWriter, 1)
	defer db.Close()
	p, err := newMigrations(db)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// NewestSchema is this program's schema version.
func NewestSchema() (int64, error) { return newestMigration() }

// Checkpoint lets the keeper look at the log now.
func (s *Store) Checkpoint() error { return s.keeper.look() }

// HoldWriter keeps the writer from starting a transaction until release.
func (s *Store) HoldWriter() (release func()) {
	s.writer.gate.Lock()
	return s.writer.gate.Unlock
}

// LeaveTransactionOpen leaves the writer as a failed ROLLBACK would.
func (s *Store) LeaveTransactionOpen() error {
	s.writer.gate.Lock()
	defer s.writer.gate.Unlock()
	_, err := s.writer.raw.Exec("BEGIN IMMEDIATE", nil)
	return err
}

// MakeRoom ends a bound on the database's size past the writer, which would
// take that for a commit.
func (s *Store) MakeRoom() error {
	s.writer.gate.Lock()
	defer s.writer.gate.Unlock()
	_, err := s.writer.raw.Exec("PRAGMA max_page_count = 1000000", nil)
	return err
}

// Queries are those of the follow-up that run all day.
func Queries() map[string]string {
	return map[string]string{
		"texts that are due":         dueSQL,
		"texts that are past":        expiredSQL,
		"texts of unknown fate":      ambiguousSQL,
		"a day's cost":               dayCostSQL,
		"invitations to end":         invitationColumns + closedSQL,
		"invitations to remind of":   invitationColumns + remindSQL,
		"an invitation by its token": invitationColumns + " WHERE i.token_hash = ? AND length(i.token_hash) > 0",
		"an invitation by its code":  "SELECT id FROM invitations WHERE code_hash = ? AND length(code_hash) > 0 AND ended_at = 0",
		"a number's open surveys":    invitationColumns + " WHERE i.number_index = ? AND " + handedOver + " AND i.ended_at = 0",
		"texts that came in":         pendingSQL,
		"a text that came in":        "SELECT id FROM inbounds WHERE carrier = ? AND provider_id = ?",
		"comments on a survey":       commentsSQL,
		"candidates":                 candidateSQL(false),
		"candidates not invited":     candidateSQL(true),
		"whose report it is":         "SELECT text FROM text_provider_ids WHERE carrier = ? AND provider_id = ?",
		"reports nobody's":           "SELECT id FROM text_reports WHERE carrier = ? AND provider_id = ? AND length(text) = 0",
	}
}

// Parameters counts the parameters of a query, of which none is named.
func Parameters(query string) (n int) {
	for i, c := range query {
		if c != '?' {
			continue
		}
		if i+1 < len(query) && query[i+1] >= '1' && query[i+1] <= '9' {
			n = max(n, int(query[i+1]-'0'))
		} else {
			n++
		}
	}
	return n
}
