package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"qingfeng/surveys"
)

// FollowupDay is a mode's follow-up on one business day.
type FollowupDay struct {
	Mode surveys.Mode
	// Invited are those whose first text goes out on the day, by now or later;
	// Sent those of them a carrier has taken, Delivered those that arrived, as a
	// report says or an answer shows.
	Invited, Sent, Delivered int64
	// Answered and OptedOut count what came on the day, whenever the invitation
	// was sent: the first answer, and the opt-out.
	Answered, OptedOut int64
}

// answerDays is how far back invitations are looked through for what came on a
// day: the longest window of a survey, with its second mode.
const answerDays = 49

// FollowupDay counts a day of the follow-up's clock by mode, in the order of
// their names; a mode without anything is left out.
func (s *Store) FollowupDay(ctx context.Context, day surveys.Day) ([]FollowupDay, error) {
	start, end := day.Start(s.opt.Zone), day.AddDays(1).Start(s.opt.Zone)
	rows, err := s.reading.QueryContext(ctx, `SELECT mode, sum(invited), sum(sent), sum(delivered), sum(answered), sum(opted_out) FROM (
		SELECT m.text AS mode,
			i.state <> 'ineligible' AND CASE WHEN i.sent_at > 0 THEN i.sent_at ELSE i.due_at END >= ?1 AND CASE WHEN i.sent_at > 0 THEN i.sent_at ELSE i.due_at END < ?2 AS invited,
			i.offered_day > 0 AND i.sent_at >= ?1 AND i.sent_at < ?2 AS sent,
			i.offered_day > 0 AND i.sent_at >= ?1 AND i.sent_at < ?2 AND (i.answered_at > 0 OR EXISTS (SELECT 1 FROM texts x WHERE x.invitation = i.id AND x.purpose = 'invite' AND x.state = 'delivered')) AS delivered,
			i.offered_day > 0 AND i.answered_at >= ?1 AND i.answered_at < ?2 AS answered,
			i.state = 'opted_out' AND i.ended_at >= ?1 AND i.ended_at < ?2 AS opted_out
		FROM invitations i JOIN names m ON m.id = i.mode WHERE i.week >= ?3 AND i.week <= ?4)
		GROUP BY mode HAVING sum(invited) + sum(sent) + sum(answered) + sum(opted_out) > 0 ORDER BY mode`,
		milliseconds(start), milliseconds(end), weekOf(day.AddDays(-answerDays).Start(s.opt.Zone), s.opt.Zone), weekOf(start, s.opt.Zone))
	if err != nil {
		return nil, fmt.Errorf("count the day's follow-up: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (d FollowupDay, err error) {
		return d, rows.Scan(&d.Mode, &d.Invited, &d.Sent, &d.Delivered, &d.Answered, &d.OptedOut)
	})
	if err != nil {
		return nil, fmt.Errorf("count the day's follow-up: %w", err)
	}
	return list, nil
}

// UndoOptOut ends a standing opt-out for a person who was asked to; that is
// audited. What was withdrawn stays so. ErrNotFound when it does not stand.
func (s *Store) UndoOptOut(ctx context.Context, id int64, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		var index []byte
		if err := t.row("SELECT number_index FROM opt_outs WHERE id = ? AND ended_at = 0", id).Scan(&index); err != nil {
			return orNotFound(err)
		}
		if err := t.optIn(index, "desk", t.now()); err != nil {
			return err
		}
		return t.audit(by, "opt_out.undo", fmt.Sprint(id), "desk")
	})
	if err != nil {
		return fmt.Errorf("undo opt-out: %w", err)
	}
	return nil
}

// OpenUnlinkedReply gives the text of a reply that belongs to no survey; that is
// audited. ErrNotFound when there is none, or it is no such reply.
func (s *Store) OpenUnlinkedReply(ctx context.Context, id InboundID, by Actor) (text surveys.Secret, err error) {
	err = s.act(ctx, func(t *tx) error {
		var sealed []byte
		if err := t.row("SELECT body FROM inbounds WHERE id = ? AND outcome = 'unlinked'", int64(id)).Scan(&sealed); err != nil {
			return orNotFound(err)
		}
		if text, err = unsealText(s.keys.message, sealed, rowID("inbnd", int64(id))); err != nil {
			return err
		}
		return t.audit(by, "reply.open", fmt.Sprint(id), "")
	})
	if err != nil {
		return "", fmt.Errorf("open reply: %w", err)
	}
	return text, nil
}
