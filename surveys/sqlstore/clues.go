package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// clueRounding is how far the time of a clue is rounded down: who wrote at that
// minute must not follow from it.
const clueRounding = time.Hour

// keepClue seals a clue. Its id is random, so not even the order in which clues
// came can be laid beside other rows.
func (t *tx) keepClue(c *NewClue) error {
	var id surveys.FactID
	rand.Read(id[:]) // never fails: it ends the program instead
	_, err := t.exec("INSERT INTO clues (id, at, words, receipt_hash) VALUES (?, ?, ?, ?)",
		id[:], milliseconds(t.now().Truncate(clueRounding)), sealText(t.w.store.keys.clue, c.Words, id), c.ReceiptHash)
	if err != nil {
		return fmt.Errorf("keep clue: %w", err)
	}
	return nil
}

// ClueEntry is a clue without its words.
type ClueEntry struct {
	ID surveys.FactID
	At time.Time // rounded down to the hour
}

// Clues lists all clues, oldest first.
func (s *Store) Clues(ctx context.Context) ([]ClueEntry, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT id, at FROM clues ORDER BY at, id")
	if err != nil {
		return nil, fmt.Errorf("list clues: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (c ClueEntry, err error) {
		var id []byte
		var at int64
		err = rows.Scan(&id, &at)
		copy(c.ID[:], id)
		c.At = moment(at)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("list clues: %w", err)
	}
	return list, nil
}

// CountClues counts all clues.
func (s *Store) CountClues(ctx context.Context) (n int64, err error) {
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM clues").Scan(&n); err != nil {
		return 0, fmt.Errorf("count clues: %w", err)
	}
	return n, nil
}

// OpenClue unseals a clue's words for the discipline office; that is audited.
func (s *Store) OpenClue(ctx context.Context, id surveys.FactID, by Actor) (words surveys.Secret, err error) {
	err = s.act(ctx, func(t *tx) error {
		var sealed []byte
		err := t.row("SELECT words FROM clues WHERE id = ?", id[:]).Scan(&sealed)
		if err != nil {
			return orNotFound(err)
		}
		if words, err = unsealText(s.keys.clue, sealed, id); err != nil {
			return err
		}
		return t.audit(by, "clue.open", "", "")
	})
	if err != nil {
		return "", fmt.Errorf("open clue: %w", err)
	}
	return words, nil
}
