package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// CodeTries is how many wrong codes one source may type in an hour.
const CodeTries = 10

// CodeTry is a code as somebody typed it.
type CodeTry struct {
	Code   surveys.Secret
	Source string // the device or the address it came from
	// TokenHash is the SHA-256 of the token with which the page goes on.
	TokenHash [32]byte
	At        time.Time
}

// ExchangeCode finds the open invitation with a code and gives it the token to
// go on with; an earlier token no longer works. The code is good until the
// invitation ends. A wrong code is ErrNotFound and counted against its source,
// whose further codes are ErrTooManyTries, right or wrong, until the hour is over.
func (s *Store) ExchangeCode(ctx context.Context, try CodeTry) (id followup.InvitationID, err error) {
	hour := milliseconds(try.At.Truncate(time.Hour))
	source := mac(s.keys.source, try.Source)[:16]
	found := false
	err = s.act(ctx, func(t *tx) error {
		found = false
		if _, err := t.exec("DELETE FROM code_tries WHERE at < ?", hour); err != nil {
			return err
		}
		var tries int64
		err := t.row("SELECT n FROM code_tries WHERE source = ? AND at = ?", source, hour).Scan(&tries)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if tries >= CodeTries {
			return ErrTooManyTries
		}
		var row []byte
		err = t.row(`UPDATE invitations SET token_hash = ? WHERE code_hash = ? AND length(code_hash) > 0 AND ended_at = 0 AND closes_at > ?
			AND EXISTS (SELECT 1 FROM texts x WHERE x.invitation = invitations.id AND x.purpose = 'invite' AND x.handings > 0) RETURNING id`, try.TokenHash[:], s.keys.codeHash(try.Code), milliseconds(try.At)).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			_, err = t.exec("INSERT INTO code_tries (source, at, n) VALUES (?, ?, 1) ON CONFLICT (source, at) DO UPDATE SET n = n + 1", source, hour)
			return err
		}
		found = err == nil
		copy(id[:], row)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return followup.InvitationID{}, fmt.Errorf("exchange code: %w", err)
	}
	return id, nil
}
