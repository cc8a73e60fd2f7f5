package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// textRow is what following a text needs of it.
type textRow struct {
	id                                  surveys.FactID
	invitation, index                   []byte
	purpose                             texting.Purpose
	state                               TextState
	taken, segments, price, cost, twice int64
	ambiguous                           bool
	validUntil, handed                  int64
}

func (t *tx) text(id surveys.FactID) (x textRow, err error) {
	x.id = id
	err = t.row(`SELECT invitation, number_index, purpose, state, taken_at, segments, unit_price, cost, twice, ambiguous, valid_until, handed_at FROM texts WHERE id = ?`, id[:]).
		Scan(&x.invitation, &x.index, &x.purpose, &x.state, &x.taken, &x.segments, &x.price, &x.cost, &x.twice, &x.ambiguous, &x.validUntil, &x.handed)
	return x, orNotFound(err)
}

// SentText is a carrier's word that it has taken a text.
type SentText struct {
	ID      surveys.FactID
	Carrier string
	Sent    texting.Sent
	At      time.Time
}

// RecordSent notes that a carrier has taken a text. Saying so again changes
// nothing. Reports that came before are applied now.
func (s *Store) RecordSent(ctx context.Context, sent SentText) error {
	err := s.act(ctx, func(t *tx) error {
		x, err := t.text(sent.ID)
		if err != nil {
			return err
		}
		status := sent.Sent.Status
		if status.Rank() < texting.StatusQueued.Rank() {
			status = texting.StatusQueued
		}
		if more := int64(sent.Sent.Segments) - x.segments; sent.Sent.Segments > 0 && more != 0 {
			_, err := t.exec("UPDATE texts SET segments = segments + ?2, cost = cost + ?2 * unit_price WHERE id = ?1", x.id[:], more)
			if err != nil {
				return fmt.Errorf("charge text: %w", err)
			}
		}
		if err := t.advance(&x, TextState(status), "", sent.At); err != nil {
			return err
		}
		return t.adopt(&x, sent.Carrier, sent.Sent.ProviderID, sent.At)
	})
	if err != nil {
		return fmt.Errorf("record sent text: %w", err)
	}
	return nil
}

// adopt ties a carrier's id to a text and applies the reports that came under
// it before anybody knew whose it is.
func (t *tx) adopt(x *textRow, carrier, providerID string, at time.Time) error {
	if providerID == "" {
		return nil
	}
	_, err := t.exec("INSERT INTO text_provider_ids (carrier, provider_id, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", carrier, providerID, x.id[:])
	if err != nil {
		return fmt.Errorf("tie provider id: %w", err)
	}
	if _, err := t.exec("UPDATE texts SET carrier = ?, provider_id = ? WHERE id = ?", carrier, providerID, x.id[:]); err != nil {
		return fmt.Errorf("tie provider id: %w", err)
	}
	rows, err := t.rows("UPDATE text_reports SET text = ? WHERE carrier = ? AND provider_id = ? AND length(text) = 0 RETURNING status, code",
		x.id[:], carrier, providerID)
	if err != nil {
		return fmt.Errorf("apply earlier reports: %w", err)
	}
	type word struct {
		state TextState
		code  string
	}
	early, err := collect(rows, func(rows *sql.Rows) (w word, err error) { return w, rows.Scan(&w.state, &w.code) })
	if err != nil {
		return fmt.Errorf("apply earlier reports: %w", err)
	}
	for _, w := range early {
		if err := t.advance(x, w.state, w.code, at); err != nil {
			return err
		}
	}
	return nil
}

// advance moves a text on to a state of higher rank; any other changes nothing.
func (t *tx) advance(x *textRow, to TextState, code string, at time.Time) error {
	if to.rank() <= x.state.rank() {
		return nil
	}
	x.state = to
	ended := int64(0)
	if texting.Status(to).Final() {
		ended = milliseconds(at)
	}
	_, err := t.exec("UPDATE texts SET state = ?, code = CASE WHEN ?2 <> '' THEN ?2 ELSE code END, ended_at = ? WHERE id = ?", string(to), code, ended, x.id[:])
	if err != nil {
		return fmt.Errorf("move text on: %w", err)
	}
	if to != TextRefused && to != TextUnknown && x.taken == 0 {
		x.taken = milliseconds(at)
		if err := t.textTaken(x, at); err != nil {
			return err
		}
	}
	if to == TextRefused && x.taken == 0 {
		if err := t.refund(x); err != nil {
			return err
		}
	}
	return t.invitationFollows(x.id, to, at)
}

// textTaken notes that a carrier has a text. The first text of a survey makes
// it offered. What a clue's receipt says is forgotten: only the patient has it.
func (t *tx) textTaken(x *textRow, at time.Time) error {
	if _, err := t.exec("UPDATE texts SET taken_at = ? WHERE id = ?", milliseconds(at), x.id[:]); err != nil {
		return fmt.Errorf("note taken text: %w", err)
	}
	if x.purpose == texting.PurposeClueReceived {
		if err := t.forgetText(x.id); err != nil {
			return err
		}
	}
	if x.purpose != texting.PurposeInvite || len(x.invitation) == 0 {
		return nil
	}
	i, err := t.invitation(followup.InvitationID(x.invitation))
	if err != nil || !i.SentAt.IsZero() {
		return err
	}
	zone := t.w.store.opt.Zone
	if !i.EndedAt.IsZero() { // it could not be called back; an answer would come too late
		_, err := t.exec("UPDATE invitations SET sent_at = ? WHERE id = ?", milliseconds(at), i.ID[:])
		return err
	}
	counted := t.factTime(at)
	day, hour := dayAndHour(counted, zone)
	_, err = t.exec("UPDATE invitations SET sent_at = ?, offered_day = ?, offered_hour = ?, week = ? WHERE id = ?",
		milliseconds(at), int64(day), hour, weekOf(counted, zone), i.ID[:])
	if err != nil {
		return fmt.Errorf("note sent invitation: %w", err)
	}
	return t.w.emit(&surveys.Event{
		Kind: surveys.EventPromptOffered, At: milliseconds(counted), Day: day, Hour: hour, Department: i.Department, Place: i.Place, Mode: i.Mode,
		Series: surveys.SeriesAsked,
	})
}

func (t *tx) forgetText(id surveys.FactID) error {
	if _, err := t.exec("UPDATE texts SET body = x'', variables = x'' WHERE id = ?", id[:]); err != nil {
		return fmt.Errorf("forget text: %w", err)
	}
	return nil
}

// refund takes back the cost of the last handing over, which the carrier refused.
func (t *tx) refund(x *textRow) error {
	_, err := t.exec(`UPDATE texts SET cost = max(cost - segments * unit_price, 0), spent_day = CASE WHEN cost > segments * unit_price THEN spent_day ELSE 0 END
		WHERE id = ?`, x.id[:])
	if err != nil {
		return fmt.Errorf("refund text: %w", err)
	}
	return nil
}

// reachRank orders the states of an invitation nobody has answered as the ranks
// of its text do; any other state has none.
func reachRank(s followup.InvitationState) int {
	switch s {
	case followup.InvitationQueued:
		return 0
	case followup.InvitationSent:
		return 1
	case followup.InvitationRefused:
		return 2
	case followup.InvitationUndelivered:
		return 3
	case followup.InvitationDelivered:
		return 4
	}
	return -1
}

// invitationFollows moves the invitation on with its first text. A reminder
// only tells that a phone was reached after all.
func (t *tx) invitationFollows(id surveys.FactID, state TextState, at time.Time) error {
	x, err := t.text(id)
	if err != nil || len(x.invitation) == 0 || urgency(x.purpose) == 0 {
		return err
	}
	i, err := t.invitation(followup.InvitationID(x.invitation))
	if err != nil {
		return err
	}
	var to followup.InvitationState
	switch state {
	case TextQueued, TextSent:
		to = followup.InvitationSent
	case TextRefused:
		to = followup.InvitationRefused
	case TextState(texting.StatusUndelivered):
		to = followup.InvitationUndelivered
	case TextState(texting.StatusDelivered):
		to = followup.InvitationDelivered
	case TextExpired:
		if x.ambiguous { // it may have come after all: the visit is not asked about again
			to = followup.InvitationUndelivered
			break
		}
		if x.purpose == texting.PurposeInvite && i.SentAt.IsZero() && i.EndedAt.IsZero() {
			return t.endInvitation(i.ID, followup.InvitationWithdrawn, "expired", at)
		}
		return nil
	default:
		return nil
	}
	if x.purpose == texting.PurposeReminder && to != followup.InvitationDelivered {
		return nil
	}
	if !i.EndedAt.IsZero() || reachRank(i.State) < 0 || reachRank(to) <= reachRank(i.State) {
		return nil
	}
	if _, err := t.exec("UPDATE invitations SET state = ? WHERE id = ?", string(to), i.ID[:]); err != nil {
		return fmt.Errorf("move invitation on: %w", err)
	}
	return nil
}

// SendFailure is a send the carrier did not take, or nobody knows.
type SendFailure struct {
	ID      surveys.FactID
	Carrier string
	Err     *texting.SendError
	At      time.Time
	RetryAt time.Time // zero: a minute later
}

// maxTwice is how often texting.ClassTwice is tried.
const maxTwice = 2

// RecordSendFailed notes a failed send and gives the state the text is in now.
// What its class asks for is done; a text that a report has moved on meanwhile
// is left alone.
func (s *Store) RecordSendFailed(ctx context.Context, f SendFailure) (state TextState, err error) {
	err = s.act(ctx, func(t *tx) error {
		x, err := t.text(f.ID)
		if err != nil {
			return err
		}
		if x.state == TextHanding || x.state == TextUnknown {
			if err := t.sendFailed(&x, &f); err != nil {
				return err
			}
			if x, err = t.text(f.ID); err != nil {
				return err
			}
		}
		state = x.state
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("record failed send: %w", err)
	}
	return state, nil
}

func (t *tx) sendFailed(x *textRow, f *SendFailure) error {
	class, code := texting.ClassAmbiguous, ""
	if f.Err != nil {
		class, code = f.Err.Class, f.Err.Code
	}
	retry := f.RetryAt
	if retry.IsZero() {
		retry = f.At.Add(time.Minute)
	}
	switch class {
	case texting.ClassFinal:
		return t.failText(x.id, TextRefused, code, f.At)
	case texting.ClassSuppress:
		if err := t.failText(x.id, TextRefused, code, f.At); err != nil {
			return err
		}
		return t.suppress(x.id, f.Carrier, code, f.At)
	case texting.ClassHalt:
		return t.waitAgain(x, f.At, code, f.At)
	case texting.ClassLater:
		return t.waitAgain(x, retry, code, f.At)
	case texting.ClassTwice:
		if x.twice+1 >= maxTwice {
			return t.failText(x.id, TextRefused, code, f.At)
		}
		if _, err := t.exec("UPDATE texts SET twice = twice + 1 WHERE id = ?", x.id[:]); err != nil {
			return fmt.Errorf("count tries: %w", err)
		}
		return t.waitAgain(x, retry, code, f.At)
	}
	_, err := t.exec("UPDATE texts SET state = 'unknown', ambiguous = 1, code = ? WHERE id = ?", code, x.id[:])
	return err
}

// failText ends a text that no carrier has taken.
func (t *tx) failText(id surveys.FactID, state TextState, code string, at time.Time) error {
	x, err := t.text(id)
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE texts SET state = ?, code = CASE WHEN ?2 <> '' THEN ?2 ELSE code END, ended_at = ? WHERE id = ?", string(state), code, milliseconds(at), id[:])
	if err != nil {
		return fmt.Errorf("end text: %w", err)
	}
	if x.purpose == texting.PurposeClueReceived {
		if err := t.forgetText(id); err != nil {
			return err
		}
	}
	if x.state != TextWaiting {
		if err := t.refund(&x); err != nil {
			return err
		}
	}
	return t.invitationFollows(id, state, at)
}

// waitAgain puts a text back that the carrier did not take, unless it is no
// longer to be sent: its survey is over, its number fell silent, its time is up.
func (t *tx) waitAgain(x *textRow, due time.Time, code string, at time.Time) error {
	if milliseconds(due) >= x.validUntil {
		return t.failText(x.id, TextExpired, code, at)
	}
	var silent bool
	err := t.row(`SELECT EXISTS (SELECT 1 FROM invitations i WHERE i.id = ?1 AND i.ended_at > 0 AND ?3 = 1)
		OR ?4 NOT IN ('opted_out', 'clue_received') AND (EXISTS (SELECT 1 FROM opt_outs o WHERE o.number_index = ?2 AND o.ended_at = 0)
		OR EXISTS (SELECT 1 FROM suppressions WHERE number_index = ?2))`, x.invitation, x.index, urgency(x.purpose), string(x.purpose)).Scan(&silent)
	if err != nil {
		return fmt.Errorf("look whether a text is still to be sent: %w", err)
	}
	state, ended := TextWaiting, int64(0)
	if silent {
		state, ended = TextWithdrawn, milliseconds(at)
	}
	if err := t.refund(x); err != nil {
		return err
	}
	_, err = t.exec("UPDATE texts SET state = ?, code = ?, due_at = ?, ended_at = ? WHERE id = ?", string(state), code, milliseconds(due), ended, x.id[:])
	if err != nil {
		return fmt.Errorf("put text back: %w", err)
	}
	return nil
}

// StatusApplied is what a report did.
type StatusApplied struct {
	Text    surveys.FactID // zero: nobody knows yet whose report it is; it is kept
	State   TextState      // of the text, afterwards
	Changed bool
}

// RecordStatus keeps a carrier's report and moves its text on if the report
// says more than what is known. Reports come in any order, repeatedly, and
// before the send has returned.
func (s *Store) RecordStatus(ctx context.Context, r texting.StatusReport) (done StatusApplied, err error) {
	if !r.Status.Valid() {
		return done, errors.New("record status: report is of an unknown status")
	}
	err = s.act(ctx, func(t *tx) error {
		done = StatusApplied{}
		id, err := t.reported(&r)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		now, text := t.now(), []byte{}
		known := err == nil
		if known {
			text = id[:]
		}
		_, err = t.exec("INSERT INTO text_reports (carrier, provider_id, text, status, code, at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.Carrier, r.ProviderID, text, string(r.Status), r.Code, milliseconds(r.At), milliseconds(now))
		if err != nil {
			return fmt.Errorf("keep report: %w", err)
		}
		if !known {
			return nil
		}
		x, err := t.text(id)
		if err != nil {
			return err
		}
		before, at := x.state, now
		if handed := moment(x.handed); at.Before(handed) { // the follow-up's clock is ahead
			at = handed
		}
		if err := t.advance(&x, TextState(r.Status), r.Code, at); err != nil {
			return err
		}
		if err := t.adopt(&x, r.Carrier, r.ProviderID, at); err != nil {
			return err
		}
		done = StatusApplied{Text: id, State: x.state, Changed: x.state != before}
		return nil
	})
	if err != nil {
		return StatusApplied{}, fmt.Errorf("record status: %w", err)
	}
	return done, nil
}

// reported finds the text a report is about.
func (t *tx) reported(r *texting.StatusReport) (id surveys.FactID, err error) {
	var found []byte
	if !r.Message.IsZero() {
		if err = t.row("SELECT id FROM texts WHERE id = ?", r.Message[:]).Scan(&found); err == nil {
			return surveys.FactID(found), nil
		} else if !errors.Is(err, sql.ErrNoRows) {
			return id, err
		}
	}
	err = t.row("SELECT text FROM text_provider_ids WHERE carrier = ? AND provider_id = ?", r.Carrier, r.ProviderID).Scan(&found)
	if err != nil {
		return id, orNotFound(err)
	}
	return surveys.FactID(found), nil
}
