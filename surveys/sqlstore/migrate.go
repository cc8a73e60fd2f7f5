package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrations are numbered, run in one transaction each, and are never changed
// once released: append a new file.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

func newMigrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// migrate brings the schema up to this program's version. A database of
// another program, or of a newer version of this one, is left untouched.
func migrate(ctx context.Context, db *sql.DB) error {
	if err := checkForeign(ctx, db); err != nil {
		return err
	}
	p, err := newMigrations(db)
	if err != nil {
		return err
	}
	current, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if current > newest {
		return fmt.Errorf("%w: its schema is version %d, this program knows up to %d", ErrNewerSchema, current, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema from version %d: %w", current, err)
	}
	return nil
}

// requireSchema makes sure that the schema is this program's, changing nothing.
func requireSchema(ctx context.Context, db *sql.DB) error {
	if err := checkForeign(ctx, db); err != nil {
		return err
	}
	current, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	newest, err := newestMigration()
	switch {
	case err != nil:
		return err
	case current > newest:
		return fmt.Errorf("%w: its schema is version %d, this program knows up to %d", ErrNewerSchema, current, newest)
	case current < newest:
		return fmt.Errorf("%w: its schema is version %d, this program's is %d", ErrOlderSchema, current, newest)
	}
	return nil
}

// checkForeign refuses a database that holds tables but not our mark.
func checkForeign(ctx context.Context, db *sql.DB) error {
	var id, tables int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return fmt.Errorf("read application id: %w", err)
	}
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'").Scan(&tables)
	if err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	if id != applicationID && (tables > 0 || id != 0) {
		return ErrForeignDatabase
	}
	return nil
}

// schemaVersion reads the version of an opened database without changing it.
func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var version sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied = 1").Scan(&version)
	if err != nil {
		return 0, errors.Join(ErrForeignDatabase, err)
	}
	return version.Int64, nil
}

// newestMigration is the schema version this program brings a database to.
func newestMigration() (int64, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1])
}
