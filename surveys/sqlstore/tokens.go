package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Token lets a window's system report transactions. Only its hash is kept.
type Token struct {
	ID         int64
	Label      string
	Windows    []surveys.PlaceID // empty: all
	Hash       [32]byte
	CreatedAt  time.Time
	RevokedAt  time.Time
	LastUsedAt time.Time
}

const tokenColumns = "SELECT id, label, windows, hash, created_at, revoked_at, last_used_at FROM tokens"

func scanToken(row interface{ Scan(...any) error }) (k Token, err error) {
	var windows string
	var hash []byte
	var created, revoked, used int64
	if err := row.Scan(&k.ID, &k.Label, &windows, &hash, &created, &revoked, &used); err != nil {
		return Token{}, orNotFound(err)
	}
	copy(k.Hash[:], hash)
	k.CreatedAt, k.RevokedAt, k.LastUsedAt = moment(created), moment(revoked), moment(used)
	return k, json.Unmarshal([]byte(windows), &k.Windows)
}

// CreateToken adds a token and gives it its ID.
func (s *Store) CreateToken(ctx context.Context, k Token, by Actor) (Token, error) {
	err := s.act(ctx, func(t *tx) (err error) {
		k.CreatedAt = moment(milliseconds(t.now()))
		k.ID, err = t.insert("INSERT INTO tokens (label, windows, hash, created_at) VALUES (?, ?, ?, ?)",
			k.Label, jsonList(k.Windows), k.Hash[:], milliseconds(k.CreatedAt))
		if err != nil {
			return err
		}
		return t.audit(by, "token.create", fmt.Sprint(k.ID), jsonList(k.Windows))
	})
	if err != nil {
		return Token{}, fmt.Errorf("create token: %w", err)
	}
	return k, nil
}

// FindToken finds a token by its hash, revoked or not, or ErrNotFound.
func (s *Store) FindToken(ctx context.Context, hash [32]byte) (Token, error) {
	k, err := scanToken(s.reading.QueryRowContext(ctx, tokenColumns+" WHERE hash = ?", hash[:]))
	if err != nil {
		return Token{}, fmt.Errorf("find token: %w", err)
	}
	return k, nil
}

// Tokens lists every token, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.reading.QueryContext(ctx, tokenColumns+" ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (Token, error) { return scanToken(rows) })
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// TouchToken notes when a token was last used.
func (s *Store) TouchToken(ctx context.Context, id int64, at time.Time) error {
	return s.act(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE tokens SET last_used_at = max(last_used_at, ?) WHERE id = ?", milliseconds(at), id)
		return err
	})
}

// RevokeToken ends a token; ErrNotFound when it is unknown or revoked already.
func (s *Store) RevokeToken(ctx context.Context, id int64, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0", milliseconds(t.now()), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return t.audit(by, "token.revoke", fmt.Sprint(id), "")
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}
