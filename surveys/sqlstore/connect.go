package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/mattn/go-sqlite3"
)

const (
	// busyTimeoutMS is how long a connection waits for another process, such as
	// a backup taken from the command line, to let go of a lock.
	busyTimeoutMS = 10_000
	// minVersionNumber is SQLite 3.44, the oldest these statements were proved
	// with; the driver brings a later one of its own.
	minVersionNumber = 3_044_000
	// applicationID is "QGFG", written by the first migration.
	applicationID = 1363625543
)

// role says what a connection is for.
type role int

const (
	roleWriter role = iota
	roleReader
	roleKeeper // checkpoints and backups
)

// pragmas are the values each physical connection must report after it was
// opened. The driver's own default for synchronous is NORMAL, which would lose
// acknowledged facts on power loss.
func (r role) pragmas() map[string]int64 {
	want := map[string]int64{"synchronous": 2, "foreign_keys": 1, "busy_timeout": busyTimeoutMS}
	if r == roleReader {
		want["query_only"] = 1
	}
	if r == roleWriter {
		want["wal_autocheckpoint"] = 0 // the keeper checkpoints, so that no commit waits for one
	}
	return want
}

func dataSource(path string, r role) string {
	q := url.Values{
		"_journal_mode":    {"WAL"},
		"_synchronous":     {"FULL"},
		"_txlock":          {"immediate"},
		"_foreign_keys":    {"on"},
		"_busy_timeout":    {fmt.Sprint(busyTimeoutMS)},
		"_stmt_cache_size": {"256"},
		"_cache_size":      {"-32000"}, // KiB
	}
	if r == roleReader {
		q.Set("_query_only", "on")
		q.Set("_txlock", "deferred")
	}
	return fileName(path) + "?" + q.Encode()
}

func fileName(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// plainSource opens a file that is no open store, such as a backup, and leaves
// it exactly as it is.
func plainSource(path string) string { return fileName(path) + "?mode=ro&immutable=1" }

// connector opens connections and refuses any whose settings are not those the
// store's promises rest on.
type connector struct {
	path string
	role role
}

var _ driver.Connector = connector{}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	d := &sqlite3.SQLiteDriver{}
	opened, err := d.Open(dataSource(c.path, c.role))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	conn := opened.(*sqlite3.SQLiteConn)
	if c.role == roleWriter {
		// The DSN has no name for this one.
		if _, err := conn.Exec("PRAGMA wal_autocheckpoint = 0", nil); err != nil {
			return nil, errors.Join(fmt.Errorf("set wal_autocheckpoint: %w", err), conn.Close())
		}
	}
	if err := assertSettings(conn, c.role); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func assertSettings(conn *sqlite3.SQLiteConn, r role) error {
	mode, err := pragma(conn, "journal_mode")
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal_mode is %v, want wal (is the file on a network drive?)", mode)
	}
	for name, want := range r.pragmas() {
		got, err := pragma(conn, name)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s is %v, want %d", name, got, want)
		}
	}
	return nil
}

// pragma reads a setting; text comes as string, numbers as int64.
func pragma(conn *sqlite3.SQLiteConn, name string) (driver.Value, error) {
	rows, err := conn.Query("PRAGMA "+name, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	value := make([]driver.Value, 1)
	if err := rows.Next(value); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return value[0], nil
}

func assertVersion() error {
	if text, number, _ := sqlite3.Version(); number < minVersionNumber {
		return fmt.Errorf("SQLite is %s, want 3.44 or later", text)
	}
	return nil
}

func openPool(path string, r role, connections int) *sql.DB {
	db := sql.OpenDB(connector{path: path, role: r})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}
