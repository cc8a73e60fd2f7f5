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
