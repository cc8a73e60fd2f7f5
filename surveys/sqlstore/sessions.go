package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The session methods fit scs.Store and scs.CtxStore. Tokens are kept as
// SHA-256: who reads the database cannot sign in with what is there.
//
// A session that ended stays ended: its row is kept, emptied, until it would
// have expired, and a commit that was under way meanwhile changes nothing.

// endSessions empties and ends the sessions a condition chooses.
const endSessions = "UPDATE sessions SET ended = 1, data = x'' WHERE "

// FindCtx finds a session's data, unless it expired or ended.
func (s *Store) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	hash := sha256.Sum256([]byte(token))
	err = s.reading.QueryRowContext(ctx, "SELECT data FROM sessions WHERE token_hash = ? AND expires_at > ? AND ended = 0", hash[:], milliseconds(s.opt.Now())).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

// CommitCtx keeps a session's data until expiry, and its account if it has one.
// A session that ended is left so, without an error.
func (s *Store) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	hash := sha256.Sum256([]byte(token))
	err := s.act(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM sessions WHERE expires_at <= ?", milliseconds(t.now())); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO sessions (token_hash, data, expires_at) VALUES (?, ?, ?)
			ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at WHERE ended = 0`, hash[:], data, milliseconds(expiry))
		return err
	})
	if err != nil {
		return fmt.Errorf("commit session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session; one that does not exist is no error.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	hash := sha256.Sum256([]byte(token))
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec(endSessions+"token_hash = ?", hash[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// Find is FindCtx for scs's older interface.
func (s *Store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for scs's older interface.
func (s *Store) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx for scs's older interface.
func (s *Store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// SetSessionAccount says whose session a committed one is, so that disabling
// the account or changing its password ends it. ErrNotFound when the token has
// not been committed yet.
func (s *Store) SetSessionAccount(ctx context.Context, token string, id AccountID) error {
	hash := sha256.Sum256([]byte(token))
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE sessions SET account = ? WHERE token_hash = ?", int64(id), hash[:])
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("name a session's account: %w", err)
	}
	return nil
}

// DeleteSessionsOf ends every session of an account, and with a new
// SessionEpoch those that are just being opened.
func (s *Store) DeleteSessionsOf(ctx context.Context, id AccountID) error {
	err := s.act(ctx, func(t *tx) error {
		return t.endSessionsOf(id)
	})
	if err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	return nil
}

func (t *tx) endSessionsOf(id AccountID) error {
	if _, err := t.exec("UPDATE accounts SET session_epoch = session_epoch + 1 WHERE id = ?", int64(id)); err != nil {
		return err
	}
	_, err := t.exec(endSessions+"account = ?", int64(id))
	return err
}
