package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// Reminder is an invitation whose one reminder is due, with its first text:
// the Variables hold the token or the code.
type Reminder struct {
	Invitation followup.Invitation
	First      texting.Message
}

const remindSQL = ` WHERE i.ended_at = 0 AND i.reminded_at = 0 AND i.answered_at = 0 AND i.sent_at > 0 AND i.sent_at >= ? AND i.sent_at < ?
	AND i.state IN ('sent', 'delivered') ORDER BY i.sent_at LIMIT ?`

// RemindersDue lists up to limit open invitations whose first text was taken by
// a carrier at sentFrom or later and before sentBefore, that nobody has
// answered and that were not reminded of, oldest first. Those whose text did
// not arrive are left out.
func (s *Store) RemindersDue(ctx context.Context, sentFrom, sentBefore time.Time, limit int) ([]Reminder, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT x.id, x.purpose, x.language, x.country, x.number, x.body, x.variables, x.valid_until - x.due_at, `+
		invitationColumns[len("SELECT "):]+` JOIN texts x ON x.invitation = i.id AND x.purpose = 'invite'`+remindSQL, milliseconds(sentFrom), milliseconds(sentBefore), limit)
	if err != nil {
		return nil, fmt.Errorf("list reminders: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (r Reminder, err error) {
		var m sealedMessage
		r.Invitation, err = scanInvitation(behind{rows, m.columns()})
		if err == nil {
			r.First, err = m.open(s.keys)
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list reminders: %w", err)
	}
	return list, nil
}

// behind scans columns that stand before those of another scan.
type behind struct {
	row   interface{ Scan(...any) error }
	first []any
}

// Scan implements what the scan functions read from.
func (b behind) Scan(dest ...any) error { return b.row.Scan(append(slices.Clone(b.first), dest...)...) }

// QueueReminder queues the one reminder of an invitation. queued is false when
// it was answered, reminded of, ended or opted out of meanwhile. The text's To,
// Country and Invitation are filled in here.
func (s *Store) QueueReminder(ctx context.Context, id followup.InvitationID, text NewText) (queued bool, err error) {
	err = s.act(ctx, func(t *tx) error {
		queued = false
		var number, index []byte
		var patient int64
		var country texting.Country
		err := t.row("SELECT number, number_index, patient, country FROM invitations WHERE id = ?", id[:]).Scan(&number, &index, &patient, &country)
		if err != nil {
			return orNotFound(err)
		}
		if refused, err := t.refuses(index, patient); refused != "" || err != nil {
			return err
		}
		n, err := t.exec(`UPDATE invitations SET reminded_at = ? WHERE id = ? AND reminded_at = 0 AND answered_at = 0 AND ended_at = 0 AND sent_at > 0`,
			milliseconds(t.now()), id[:])
		if err != nil || n == 0 {
			return err
		}
		to, err := unsealText(s.keys.phone, number, id)
		if err != nil {
			return err
		}
		queued = true
		text.Message.To, text.Message.Country, text.Invitation = texting.Number{Secret: to}, country, id
		return t.queueText(&text)
	})
	if err != nil {
		return false, fmt.Errorf("queue reminder: %w", err)
	}
	s.signalTexts()
	return queued, nil
}
