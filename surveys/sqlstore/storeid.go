package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

const storeIDQuery = "SELECT value FROM settings WHERE name = 'store_id'"

// StoreID is the random name this store gave itself at its first use: 32
// hexadecimal digits. It outlives restarts, backups and every change of the
// settings, so what was counted from this store can be told from what was not.
func (s *Store) StoreID(ctx context.Context) (string, error) {
	var id string
	err := s.reading.QueryRowContext(ctx, storeIDQuery).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.act(ctx, func(t *tx) error {
			random := make([]byte, 16)
			_, _ = rand.Read(random) // never fails
			if _, err := t.exec("INSERT INTO settings (name, value) VALUES ('store_id', ?) ON CONFLICT DO NOTHING", hex.EncodeToString(random)); err != nil {
				return err
			}
			return t.row(storeIDQuery).Scan(&id)
		})
	}
	if err != nil {
		return "", fmt.Errorf("read the store's id: %w", err)
	}
	return id, nil
}
