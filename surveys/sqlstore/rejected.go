package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Rejected is a message about a visit that could not be read or used.
type Rejected struct {
	Source  string
	Reason  string // names fields and codes, never their content
	Payload []byte // as received; sealed
	At      time.Time
}

// RejectedEntry is a rejected message as the desk lists it, without its payload.
type RejectedEntry struct {
	ID             int64
	Source, Reason string
	Times          int64 // how often the same came
	At, LastAt     time.Time
	ResolvedAt     time.Time
	ResolvedBy     string
	Note           string
}

// KeepRejected keeps a message for hospital IT. The same payload of the same
// source again is counted, and open again if it was resolved.
func (s *Store) KeepRejected(ctx context.Context, r Rejected) error {
	h := hmac.New(sha256.New, s.keys.content)
	h.Write([]byte(r.Source + "\x00"))
	h.Write(r.Payload)
	message := h.Sum(nil)
	at := r.At
	if at.IsZero() {
		at = s.opt.Now()
	}
	sealed := seal(s.keys.payload, r.Payload, surveys.FactID(message[:16]))
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO rejected_messages (source, message, reason, payload, at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
			ON CONFLICT (message) DO UPDATE SET times = times + 1, last_at = excluded.last_at, reason = excluded.reason, resolved_at = 0, resolved_by = ''`,
			r.Source, message, r.Reason, sealed, milliseconds(at))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep rejected message: %w", err)
	}
	return nil
}

// RejectedMessages lists what waits for a person (open), oldest first, or has
// been resolved, newest first, at most 500.
func (s *Store) RejectedMessages(ctx context.Context, open bool) ([]RejectedEntry, error) {
	query := "SELECT id, source, reason, times, at, last_at, resolved_at, resolved_by, note FROM rejected_messages WHERE "
	if open {
		query += "resolved_at = 0 ORDER BY id LIMIT 500"
	} else {
		query += "resolved_at > 0 ORDER BY id DESC LIMIT 500"
	}
	rows, err := s.reading.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list rejected messages: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (e RejectedEntry, err error) {
		var at, last, resolved int64
		err = rows.Scan(&e.ID, &e.Source, &e.Reason, &e.Times, &at, &last, &resolved, &e.ResolvedBy, &e.Note)
		e.At, e.LastAt, e.ResolvedAt = moment(at), moment(last), moment(resolved)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("list rejected messages: %w", err)
	}
	return list, nil
}

// CountRejected counts the rejected messages that wait for a person.
func (s *Store) CountRejected(ctx context.Context) (n int64, err error) {
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM rejected_messages WHERE resolved_at = 0").Scan(&n); err != nil {
		return 0, fmt.Errorf("count rejected messages: %w", err)
	}
	return n, nil
}

// OpenRejected unseals a rejected message for a person; that is audited.
func (s *Store) OpenRejected(ctx context.Context, id int64, by Actor) (payload []byte, err error) {
	err = s.act(ctx, func(t *tx) error {
		var message, sealed []byte
		err := t.row("SELECT message, payload FROM rejected_messages WHERE id = ?", id).Scan(&message, &sealed)
		if err != nil {
			return orNotFound(err)
		}
		if payload, err = unseal(s.keys.payload, sealed, surveys.FactID(message[:16])); err != nil {
			return err
		}
		return t.audit(by, "rejected_message.open", fmt.Sprint(id), "")
	})
	if err != nil {
		return nil, fmt.Errorf("open rejected message: %w", err)
	}
	return payload, nil
}

// ResolveRejected notes what a person did about a rejected message. ErrNotFound
// when there is no such open one.
func (s *Store) ResolveRejected(ctx context.Context, id int64, note string, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE rejected_messages SET resolved_at = ?, resolved_by = ?, note = ? WHERE id = ? AND resolved_at = 0",
			milliseconds(t.now()), by.Username, note, id)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.audit(by, "rejected_message.resolve", fmt.Sprint(id), "")
	})
	if err != nil {
		return fmt.Errorf("resolve rejected message: %w", err)
	}
	return nil
}

// UnknownPlace is a sender's code that maps to no place of the hospital.
type UnknownPlace struct {
	Source, Code string
	Count        int64
	LastAt       time.Time
}

// maxPlaceCode bounds a sender's code, in bytes.
const maxPlaceCode = 64

func (t *tx) noteUnknownPlace(source, code string, at int64) error {
	_, err := t.exec(`INSERT INTO unknown_places (source, code, n, last_at) VALUES (?, ?, 1, ?)
		ON CONFLICT (source, code) DO UPDATE SET n = n + 1, last_at = excluded.last_at`, source, code[:min(len(code), maxPlaceCode)], at)
	if err != nil {
		return fmt.Errorf("note unknown place: %w", err)
	}
	return nil
}

// UnknownPlaces lists the codes that map nowhere, the most frequent first, at
// most 500.
func (s *Store) UnknownPlaces(ctx context.Context) ([]UnknownPlace, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT source, code, n, last_at FROM unknown_places ORDER BY n DESC, source, code LIMIT 500")
	if err != nil {
		return nil, fmt.Errorf("list unknown places: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (p UnknownPlace, err error) {
		var at int64
		err = rows.Scan(&p.Source, &p.Code, &p.Count, &at)
		p.LastAt = moment(at)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("list unknown places: %w", err)
	}
	return list, nil
}

// ForgetUnknownPlace takes a code off the list, once it is mapped.
func (s *Store) ForgetUnknownPlace(ctx context.Context, source, code string, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM unknown_places WHERE source = ? AND code = ?", source, code)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.audit(by, "unknown_place.forget", code, "")
	})
	if err != nil {
		return fmt.Errorf("forget unknown place: %w", err)
	}
	return nil
}
