package sqlstore

import (
	"context"
	"fmt"
)

// FollowupPaused reports whether an officer has paused the follow-up.
func (s *Store) FollowupPaused(ctx context.Context) (bool, error) {
	var n int
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM settings WHERE name = 'followup_paused'").Scan(&n); err != nil {
		return false, fmt.Errorf("read whether the follow-up is paused: %w", err)
	}
	return n > 0, nil
}

// PauseFollowup keeps whether the follow-up is paused. Who did it is for the
// caller to audit.
func (s *Store) PauseFollowup(ctx context.Context, paused bool) error {
	query := "DELETE FROM settings WHERE name = 'followup_paused'"
	if paused {
		query = "INSERT INTO settings (name, value) VALUES ('followup_paused', x'') ON CONFLICT (name) DO NOTHING"
	}
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec(query)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep that the follow-up is paused: %w", err)
	}
	return nil
}
