package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of the store to path while it is in use. It
// appears under its name only when it is whole, on disk and opens; an existing
// file is ErrExists. The key that seals phone numbers is not in it and must be
// kept separately: without it the copy cannot be put to use.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrExists, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".backup-*") // 0700: nobody else reads the copy meanwhile
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	temporary := filepath.Join(dir, "copy.db")
	pool := openPool(s.opt.Path, roleKeeper, 1)
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", temporary)
	if err = errors.Join(err, pool.Close()); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o600); err != nil {
		return err
	}
	if err := checkCopy(ctx, temporary); err != nil {
		return err
	}
	return putInPlace(temporary, path)
}

// checkCopy opens a database file read-only and makes sure that it is one of
// ours, whole, and of a version this program knows.
func checkCopy(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", plainSource(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var id int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return errors.Join(ErrForeignDatabase, err)
	}
	if id != applicationID {
		return ErrForeignDatabase
	}
	version, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	if version > newest {
		return fmt.Errorf("%w: its schema is version %d, this program knows up to %d", ErrNewerSchema, version, newest)
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("copy is damaged: %s", verdict)
	}
	return nil
}

// Restore puts a backup in the place of the store at to, which nobody may have
// open (ErrInUse). An existing store is ErrExists unless overwrite says so; it
// is then kept beside the new one as to + ".before-restore".
func Restore(ctx context.Context, from, to string, overwrite bool) error {
	if err := restore(ctx, from, to, overwrite); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func restore(ctx context.Context, from, to string, overwrite bool) (err error) {
	if err := checkCopy(ctx, from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	lock, err := lockExclusive(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := os.Lstat(to); err == nil && !overwrite {
		return ErrExists
	}
	temporary := to + ".restoring"
	if err := copyFile(from, temporary); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(to+suffix, to+".before-restore"+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return putInPlace(temporary, to)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// putInPlace makes a file durable, gives it its name, and makes that durable.
func putInPlace(temporary, path string) error {
	if err := syncFile(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
