package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// AccountID numbers the staff's accounts. 0 is the program itself.
type AccountID int64

// Actor is who did something: an account, or the program (Account 0).
type Actor struct {
	Account  AccountID
	Username string
}

// AuditEntry is one thing somebody did. Subject and Detail name things by
// their ids and never hold personal text.
type AuditEntry struct {
	Sequence int64
	At       time.Time
	Actor    Actor
	Action   string // "device.revoke"
	Subject  string
	Detail   string
}

// auditHash chains an entry to the one before it. Every field is written with
// its length, so none can run into the next.
func auditHash(previous []byte, e *AuditEntry) []byte {
	h := sha256.New()
	var n [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	num := func(v int64) {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(v))
		write(b[:])
	}
	write(previous)
	num(milliseconds(e.At))
	num(int64(e.Actor.Account))
	for _, text := range []string{e.Actor.Username, e.Action, e.Subject, e.Detail} {
		write([]byte(text))
	}
	return h.Sum(nil)
}

// audit appends to the log in the action's own transaction.
func (t *tx) audit(by Actor, action, subject, detail string) error {
	return t.appendAudit(&AuditEntry{At: t.now(), Actor: by, Action: action, Subject: subject, Detail: detail})
}

func (t *tx) appendAudit(e *AuditEntry) error {
	previous := []byte{}
	err := t.row("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1").Scan(&previous)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read audit log: %w", err)
	}
	_, err = t.exec("INSERT INTO audit (at, account, actor, action, subject, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		milliseconds(e.At), int64(e.Actor.Account), e.Actor.Username, e.Action, e.Subject, e.Detail, previous, auditHash(previous, e))
	if err != nil {
		return fmt.Errorf("append to audit log: %w", err)
	}
	return nil
}

// AppendAudit writes an entry of its own, for what happens outside the store;
// a zero At is now.
func (s *Store) AppendAudit(ctx context.Context, e AuditEntry) error {
	return s.act(ctx, func(t *tx) error {
		if e.At.IsZero() {
			e.At = t.now()
		}
		return t.appendAudit(&e)
	})
}

// AuditEntries lists up to limit entries before a sequence number, newest
// first; before 0 begins with the newest.
func (s *Store) AuditEntries(ctx context.Context, before int64, limit int) ([]AuditEntry, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT sequence, at, account, actor, action, subject, detail FROM audit
		WHERE ?1 = 0 OR sequence < ?1 ORDER BY sequence DESC LIMIT ?2`, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (e AuditEntry, err error) {
		var at int64
		err = rows.Scan(&e.Sequence, &at, &e.Actor.Account, &e.Actor.Username, &e.Action, &e.Subject, &e.Detail)
		e.At = moment(at)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return list, nil
}

// verifyAudit walks the chain and names the first entry that does not fit.
func verifyAudit(ctx context.Context, db querier, report *Report) error {
	var newest int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)").Scan(&newest); err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	rows, err := db.QueryContext(ctx, "SELECT sequence, at, account, actor, action, subject, detail, previous, hash FROM audit ORDER BY sequence")
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	defer rows.Close()
	last := []byte{}
	for rows.Next() {
		var e AuditEntry
		var at int64
		var previous, hash []byte
		if err := rows.Scan(&e.Sequence, &at, &e.Actor.Account, &e.Actor.Username, &e.Action, &e.Subject, &e.Detail, &previous, &hash); err != nil {
			return fmt.Errorf("read audit log: %w", err)
		}
		e.At = moment(at)
		report.AuditEntries++
		switch {
		case e.Sequence != report.AuditEntries:
			report.problem("audit log: entry %d is missing", report.AuditEntries)
			return nil
		case !bytes.Equal(previous, last):
			report.problem("audit log: entry %d does not follow the entry before it", e.Sequence)
			return nil
		case !bytes.Equal(hash, auditHash(previous, &e)):
			report.problem("audit log: entry %d was changed", e.Sequence)
			return nil
		}
		last = hash
	}
	if report.AuditEntries != newest {
		report.problem("audit log: ends at entry %d, but %d were written", report.AuditEntries, newest)
	}
	return rows.Err()
}
