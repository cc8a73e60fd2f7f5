package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

const invitationColumns = `SELECT i.id, i.visit, i.patient, f.text, m.text, i.language, coalesce(d.text, ''), coalesce(l.text, ''), i.state,
	i.due_at, i.sent_at, i.reminded_at, i.closes_at, i.answered_at, i.ended_at, i.country
	FROM invitations i JOIN names f ON f.id = i.form JOIN names m ON m.id = i.mode
	LEFT JOIN names d ON d.id = i.department LEFT JOIN names l ON l.id = i.place`

// scanInvitation reads invitationColumns, and more columns behind them into rest.
func scanInvitation(row interface{ Scan(...any) error }, rest ...any) (i followup.Invitation, err error) {
	var id []byte
	var due, sent, reminded, closes, answered, ended int64
	err = row.Scan(append([]any{&id, &i.Visit, &i.Patient, &i.Form, &i.Mode, &i.Language, &i.Department, &i.Place, &i.State,
		&due, &sent, &reminded, &closes, &answered, &ended, &i.Country}, rest...)...)
	if err != nil {
		return followup.Invitation{}, orNotFound(err)
	}
	copy(i.ID[:], id)
	i.DueAt, i.SentAt, i.RemindedAt, i.ClosesAt = moment(due), moment(sent), moment(reminded), moment(closes)
	i.AnsweredAt, i.EndedAt = moment(answered), moment(ended)
	return i, nil
}

func (t *tx) invitation(id followup.InvitationID) (followup.Invitation, error) {
	return scanInvitation(t.row(invitationColumns+" WHERE i.id = ?", id[:]))
}

// NewInvitation is an invitation with its first text. Of Invitation count ID,
// Visit, Form, Mode, Language, DueAt and ClosesAt; the rest is the visit's.
type NewInvitation struct {
	Invitation followup.Invitation
	TokenHash  [32]byte       // SHA-256 of the survey's token; zero: none
	Code       surveys.Secret // one-time code of 6 to 8 digits; empty: none
	Text       NewText        // its To, Country and Invitation are filled in here
}

// QueueOutcome is what became of a new invitation.
type QueueOutcome string

// Outcomes of queueing.
const (
	Queued          QueueOutcome = "queued"
	QueueExists     QueueOutcome = "exists"     // the visit has an invitation
	QueueCodeTaken  QueueOutcome = "code_taken" // the code or token is another open invitation's: draw again
	QueueIneligible QueueOutcome = "ineligible" // the visit is no longer one to ask about
	QueueNoNumber   QueueOutcome = "no_number"
	QueueOptedOut   QueueOutcome = "opted_out"
	QueueSuppressed QueueOutcome = "suppressed" // the carrier will not text the number
)

// QueueInvitations queues invitations and their first texts, all in one
// transaction, and says of each what became of it. What the planner saw may
// have changed since: each visit is looked at again.
func (s *Store) QueueInvitations(ctx context.Context, list []NewInvitation) ([]QueueOutcome, error) {
	outcomes := make([]QueueOutcome, len(list))
	err := s.act(ctx, func(t *tx) (err error) {
		for n := range list {
			if outcomes[n], err = t.queueInvitation(&list[n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("queue invitations: %w", err)
	}
	s.signalTexts()
	return outcomes, nil
}

func (t *tx) queueInvitation(n *NewInvitation) (QueueOutcome, error) {
	i, k := n.Invitation, t.w.store.keys
	v, department, place, refused, err := t.visitToAsk(i.Visit)
	if refused != "" || err != nil {
		return refused, err
	}
	p, err := t.patient(int64(v.Patient))
	if err != nil {
		return "", err
	}
	to, index, country, err := t.openTextNumber(&p, surveys.DayOf(v.DischargedAt, t.w.store.opt.Zone))
	if err != nil {
		return "", err
	}
	if refused, err := t.refuses(index, int64(v.Patient)); refused != "" || err != nil {
		return refused, err
	}
	if _, err := t.form(i.Form); err != nil {
		return "", fmt.Errorf("find form %s: %w", i.Form, err)
	}
	form, err := t.w.name(string(i.Form))
	if err != nil {
		return "", err
	}
	mode, err := t.w.name(string(i.Mode))
	if err != nil {
		return "", err
	}
	inserted, err := t.exec(`INSERT INTO invitations (id, visit, patient, form, mode, language, department, place, country, number, number_index,
		token_hash, code_hash, state, week, created_at, due_at, closes_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, i.ID[:], int64(i.Visit), int64(v.Patient), form, mode, i.Language, department, place, string(country),
		sealText(k.phone, to.Secret, i.ID), index, n.tokenHash(), k.codeHash(n.Code), weekOf(i.DueAt, t.w.store.opt.Zone),
		milliseconds(t.now()), milliseconds(i.DueAt), milliseconds(i.ClosesAt))
	if err != nil {
		return "", fmt.Errorf("write invitation: %w", err)
	}
	if inserted == 0 { // the visit has none, so what is taken is the code, the token or the id
		return QueueCodeTaken, nil
	}
	text := n.Text
	text.Message.To, text.Message.Country, text.Invitation = to, country, i.ID
	if text.DueAt.IsZero() {
		text.DueAt = i.DueAt
	}
	return Queued, t.queueText(&text)
}

// visitToAsk reads a visit with the numbers of its department and place, and
// says why nobody is asked about it; empty: they are.
func (t *tx) visitToAsk(id followup.VisitID) (v followup.Visit, department, place int64, refused QueueOutcome, err error) {
	var again bool
	var state string
	v, err = scanVisit(t.row(visitColumns+`, v.department, v.place, `+readmitted("v")+`,
		coalesce((SELECT i.state FROM invitations i WHERE i.visit = v.id AND i.state <> 'ineligible'), '')`+
		visitTables+" WHERE v.id = ?", int64(id)), t.w.store.opt.Zone, t.now(), &department, &place, &again, &state)
	switch {
	case err != nil:
		err = fmt.Errorf("find visit: %w", err)
	case state != "":
		refused = QueueExists
	case whyUnfit(&v, again) != "":
		refused = QueueIneligible
	case !v.HasPhone:
		refused = QueueNoNumber
	}
	return v, department, place, refused, err
}

func (n *NewInvitation) tokenHash() []byte {
	if n.TokenHash == [32]byte{} {
		return []byte{}
	}
	return n.TokenHash[:]
}

func (k *keys) codeHash(code surveys.Secret) []byte {
	if code == "" {
		return []byte{}
	}
	return mac(k.codes, string(code))
}

// weekOf is the ISO week of a moment as yyyyww.
func weekOf(at time.Time, zone *time.Location) int64 {
	year, week := at.In(zone).ISOWeek()
	return int64(year*100 + week)
}

// unfit reports a visit nobody is asked about: it goes on, was cancelled, ended
// in another hospital or in death.
func unfit(v *followup.Visit) bool {
	return v.State != followup.VisitDischarged || v.Deceased || v.Disposition == followup.DispositionTransferred ||
		v.Disposition == followup.DispositionDeceased
}

// readmitted is a condition: the patient of a visit came back as an inpatient.
func readmitted(visit string) string {
	return "EXISTS (SELECT 1 FROM visits r WHERE r.patient = " + visit + ".patient AND r.admitted_at >= " + visit + ".discharged_at AND r.id <> " + visit +
		".id AND r.inpatient = 1 AND r.state <> 'cancelled')"
}

// optedOut is a condition: an opt-out stands for the number, or for the patient
// because of another number.
func optedOut(index, patient string) string {
	return "EXISTS (SELECT 1 FROM opt_outs o WHERE o.number_index = " + index + " AND o.ended_at = 0) OR EXISTS (SELECT 1 FROM opt_out_patients q " +
		"JOIN opt_outs o ON o.id = q.opt_out WHERE q.patient = " + patient + " AND o.ended_at = 0)"
}

// refuses says why a number must not be texted about a patient; empty: it may.
func (t *tx) refuses(index []byte, patient int64) (QueueOutcome, error) {
	var out, suppressed bool
	err := t.row("SELECT "+optedOut("?1", "?2")+", EXISTS (SELECT 1 FROM suppressions WHERE number_index = ?1)", index, patient).Scan(&out, &suppressed)
	switch {
	case err != nil:
		return "", fmt.Errorf("look up opt-outs: %w", err)
	case out:
		return QueueOptedOut, nil
	case suppressed:
		return QueueSuppressed, nil
	}
	return "", nil
}

// withdrawUnfit ends the invitations of a patient that must not go on, unless
// they are being answered: then only what waits to be sent is withdrawn. An
// invitation not sent yet is also withdrawn when the number it would go to is
// no longer the patient's; the planner makes a new one.
func (t *tx) withdrawUnfit(patient, now int64) (withdrawn []followup.InvitationID, err error) {
	rows, err := t.rows(visitColumns+`, v.discharged_on, i.id, i.answered_at, i.sent_at,
		i.number_index, `+readmitted("v")+visitTables+` JOIN invitations i ON i.visit = v.id WHERE i.patient = ? AND i.ended_at = 0`, patient)
	if err != nil {
		return nil, fmt.Errorf("find invitations to withdraw: %w", err)
	}
	type open struct {
		id             followup.InvitationID
		visit          followup.Visit
		on             surveys.Day
		index          []byte
		answered, sent int64
		again          bool
	}
	list, err := collect(rows, func(rows *sql.Rows) (o open, err error) {
		var id []byte
		o.visit, err = scanVisit(rows, t.w.store.opt.Zone, t.now(), &o.on, &id, &o.answered, &o.sent, &o.index, &o.again)
		copy(o.id[:], id)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("find invitations to withdraw: %w", err)
	}
	for _, o := range list {
		why := whyUnfit(&o.visit, o.again)
		if why == "" && o.sent == 0 {
			current, err := t.currentIndex(int64(o.visit.Patient), o.on)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(current, o.index) {
				why = "number"
			}
		}
		switch {
		case why == "":
		case o.answered > 0:
			err = t.withdrawTexts("invitation = ? AND purpose IN ('invite', 'reminder')", now, o.id[:])
		default:
			withdrawn = append(withdrawn, o.id)
			err = t.endInvitation(o.id, followup.InvitationWithdrawn, why, moment(now))
		}
		if err != nil {
			return nil, err
		}
	}
	return withdrawn, nil
}

// whyUnfit says in a word why nobody is asked about a visit; empty: they are.
func whyUnfit(v *followup.Visit, again bool) string {
	switch {
	case v.Deceased:
		return "deceased"
	case v.State != followup.VisitDischarged:
		return string(v.State)
	case unfit(v):
		return string(v.Disposition)
	case again:
		return "readmitted"
	}
	return ""
}

// endInvitation ends an open invitation in a state and withdraws what waits to
// be sent for it. Its response ends too: now its answers are counted, unless
// the clue lane was opened or nobody should have been asked.
func (t *tx) endInvitation(id followup.InvitationID, state followup.InvitationState, why string, at time.Time) error {
	n, err := t.exec("UPDATE invitations SET state = ?, why = ?, ended_at = ?, memory = x'' WHERE id = ? AND ended_at = 0",
		string(state), why, milliseconds(at), id[:])
	if err != nil {
		return fmt.Errorf("end invitation: %w", err)
	}
	if n == 0 {
		return ErrEnded
	}
	if err := t.withdrawTexts("invitation = ?", milliseconds(at), id[:]); err != nil {
		return err
	}
	return t.endResponse(id, state != followup.InvitationStopped && state != followup.InvitationWithdrawn, at)
}

const closedSQL = ` WHERE i.ended_at = 0 AND i.closes_at <= ? AND NOT EXISTS (SELECT 1 FROM inbounds b
	WHERE b.sender_index = i.number_index AND b.done_at = 0) ORDER BY i.closes_at LIMIT ?`

// endOpenOf ends the open invitations of a number; unsent only those that were
// not sent yet.
func (t *tx) endOpenOf(index []byte, state followup.InvitationState, why string, at time.Time, unsent bool) error {
	rows, err := t.rows("SELECT id FROM invitations WHERE number_index = ? AND ended_at = 0 AND (sent_at = 0 OR NOT ?)", index, unsent)
	if err != nil {
		return fmt.Errorf("find open invitations: %w", err)
	}
	ids, err := collect(rows, func(rows *sql.Rows) (id []byte, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return fmt.Errorf("find open invitations: %w", err)
	}
	for _, id := range ids {
		if err := t.endInvitation(followup.InvitationID(id), state, why, at); err != nil {
			return err
		}
	}
	return nil
}

// EndInvitations ends up to limit invitations whose window has closed:
// unanswered, broken off, or partial when at least half of the form's questions
// are answered. What did not reach the phone stays as it is. A number whose
// text waits to be worked on is left for later. ended below limit means that
// none is left.
func (s *Store) EndInvitations(ctx context.Context, now time.Time, limit int) (ended int, err error) {
	err = s.act(ctx, func(t *tx) error {
		rows, err := t.rows(invitationColumns+closedSQL, milliseconds(now), limit)
		if err != nil {
			return err
		}
		list, err := collect(rows, func(rows *sql.Rows) (followup.Invitation, error) { return scanInvitation(rows) })
		if err != nil {
			return err
		}
		for _, i := range list {
			state, why, err := t.stateAtClose(&i)
			if err != nil {
				return err
			}
			if err := t.endInvitation(i.ID, state, why, now); err != nil {
				return err
			}
		}
		ended = len(list)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("end invitations: %w", err)
	}
	return ended, nil
}

func (t *tx) stateAtClose(i *followup.Invitation) (state followup.InvitationState, why string, err error) {
	switch {
	case !i.AnsweredAt.IsZero():
		state, err = t.stateOfAnswers(i)
		return state, "", err
	case i.State == followup.InvitationQueued:
		return followup.InvitationWithdrawn, "window", nil
	case i.State == followup.InvitationSent || i.State == followup.InvitationDelivered:
		return followup.InvitationUnanswered, "", nil
	}
	return i.State, "", nil
}

// stateOfAnswers tells a partial response, of at least half the questions asked
// in its mode, from one that was broken off.
func (t *tx) stateOfAnswers(i *followup.Invitation) (followup.InvitationState, error) {
	f, err := t.form(i.Form)
	if err != nil {
		return "", fmt.Errorf("find form %s: %w", i.Form, err)
	}
	asked := 0
	for _, q := range f.Questions {
		if q.Kind == followup.QuestionScale && !q.Optional && (i.Mode != surveys.ModeReply || q.Short != (surveys.Text{})) {
			asked++
		}
	}
	var answered int
	if err := t.row("SELECT count(*) FROM answers WHERE invitation = ? AND scored = 1", i.ID[:]).Scan(&answered); err != nil {
		return "", fmt.Errorf("count answers: %w", err)
	}
	if answered > 0 && 2*answered >= asked {
		return followup.InvitationPartial, nil
	}
	return followup.InvitationBreakOff, nil
}

// currentIndex is the index of the number that would be texted now.
func (t *tx) currentIndex(patient int64, on surveys.Day) ([]byte, error) {
	p, err := t.patient(patient)
	if err != nil {
		return nil, err
	}
	_, index, _ := p.textNumber(on)
	return index, nil
}

// FindInvitation finds an invitation with what was said on it, or ErrNotFound.
func (s *Store) FindInvitation(ctx context.Context, id followup.InvitationID) (Conversation, error) {
	c, err := conversations(ctx, s, s.reading, "i.id = ?", id[:])
	return one("find invitation", c, err)
}

// FindInvitationByToken finds the invitation of a token's SHA-256, or
// ErrNotFound. One that has ended is found too.
func (s *Store) FindInvitationByToken(ctx context.Context, hash [32]byte) (Conversation, error) {
	c, err := conversations(ctx, s, s.reading, "i.token_hash = ? AND length(i.token_hash) > 0", hash[:])
	return one("find invitation by token", c, err)
}

func one(what string, list []Conversation, err error) (Conversation, error) {
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Conversation{}, fmt.Errorf("%s: %w", what, err)
	}
	return list[0], nil
}
