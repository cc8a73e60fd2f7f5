package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// writeComment keeps what a patient wrote beside the answers, with its response.
func (t *tx) writeComment(i *followup.Invitation, comment surveys.Secret, at time.Time) error {
	text := []rune(strings.ToValidUTF8(string(comment), "\uFFFD"))
	if len(text) == 0 {
		return nil
	}
	id, err := t.insert("INSERT INTO comments (invitation, comment, at) VALUES (?, x'', ?)", i.ID[:], milliseconds(at))
	if err != nil {
		return fmt.Errorf("write comment: %w", err)
	}
	sealed := sealText(t.w.store.keys.answer, surveys.Secret(text[:min(len(text), surveys.MaxComment)]), rowID("comment", id))
	if _, err := t.exec("UPDATE comments SET comment = ? WHERE id = ?", sealed, id); err != nil {
		return fmt.Errorf("write comment: %w", err)
	}
	return nil
}

const commentsSQL = "SELECT id, comment FROM comments WHERE invitation = ? ORDER BY id"

// comments are those on a survey, in the order they came.
func (s *Store) comments(ctx context.Context, invitation followup.InvitationID) ([]surveys.Secret, error) {
	rows, err := s.reading.QueryContext(ctx, commentsSQL, invitation[:])
	if err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (text surveys.Secret, err error) {
		var id int64
		var sealed []byte
		if err = rows.Scan(&id, &sealed); err != nil {
			return "", err
		}
		return unsealText(s.keys.answer, sealed, rowID("comment", id))
	})
	if err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	return list, nil
}
