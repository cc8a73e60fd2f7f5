package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/texting"
)

// Step is what an answer adds to an invitation.
type Step struct {
	Invitation followup.InvitationID
	// Answers are new or changed. The first answer to the overall question is
	// final: another later changes nothing.
	Answers []followup.Answer
	// Memory is what the conversation remembers; nil leaves what it was.
	Memory []byte
	// End ends the invitation: complete, stopped, and so on; empty: it goes on.
	End followup.InvitationState
	// Flags are added to the response's.
	Flags surveys.Flags
	// CallBack is a wish to be called, at CallPhone or, when that is empty, at
	// the number the survey went to.
	CallBack  bool
	CallPhone surveys.Secret
	// Comment is what the patient wrote that answers no question; empty: nothing.
	// It is kept with the response, cut to surveys.MaxComment characters, and the
	// text it came in is one for a person to read: see UnlinkedReplies.
	Comment surveys.Secret
}

// ResponseSave is what the phone page sends: as often as it likes, until the
// last save ends the response. ID is a UUIDv7 it makes for each save.
type ResponseSave struct {
	ID surveys.FactID
	Step
	Clue  *NewClue
	Texts []NewText
	At    time.Time // the server's clock
}

// RecordResponse takes a save of the phone page. The same id and content is a
// duplicate and changes nothing; the same id with other content is a conflict
// and kept apart for a person. It fails with ErrEnded once the invitation has
// ended or its window has closed, so one complete response exists for it.
func (s *Store) RecordResponse(ctx context.Context, r ResponseSave) (surveys.Outcome, error) {
	if r.ID.IsZero() {
		return "", errors.New("record response: save has no id")
	}
	hash, body, err := s.saveBody(&r)
	if err != nil {
		return "", fmt.Errorf("record response: %w", err)
	}
	outcome := surveys.OutcomeStored
	err = s.act(ctx, func(t *tx) error {
		outcome = surveys.OutcomeStored
		var known []byte
		err := t.row("SELECT body_hash FROM response_saves WHERE id = ?", r.ID[:]).Scan(&known)
		switch {
		case err == nil && hmac.Equal(known, hash):
			outcome = surveys.OutcomeDuplicate
			return nil
		case err == nil:
			outcome = surveys.OutcomeConflict
			return t.keepSave(&r, hash, body)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		i, err := t.invitation(r.Invitation)
		if err != nil {
			return err
		}
		if !r.At.Before(i.ClosesAt) {
			return ErrEnded
		}
		if _, err := t.exec("INSERT INTO response_saves (id, invitation, body_hash) VALUES (?, ?, ?)", r.ID[:], r.Invitation[:], hash); err != nil {
			return err
		}
		if err := t.takeSteps([]Step{r.Step}, r.Clue, r.At); err != nil {
			return err
		}
		return t.queueTexts(r.Texts)
	})
	if err != nil {
		return "", fmt.Errorf("record response: %w", err)
	}
	s.signalTexts()
	return outcome, nil
}

// saveBody gives the keyed hash of what a save says, and its text to be kept
// apart. Of a clue neither holds anything.
func (s *Store) saveBody(r *ResponseSave) (hash, body []byte, err error) {
	type answer struct {
		Question surveys.ItemID `json:"question"`
		Value    int            `json:"value"`
		Text     string         `json:"text,omitempty"`
	}
	kept := struct {
		Invitation surveys.FactID           `json:"invitation"`
		Answers    []answer                 `json:"answers"`
		End        followup.InvitationState `json:"end,omitempty"`
		CallBack   bool                     `json:"call_back,omitempty"`
		CallPhone  string                   `json:"call_phone,omitempty"`
		Comment    string                   `json:"comment,omitempty"`
	}{Invitation: r.Invitation}
	if r.Clue == nil {
		kept.End, kept.CallBack, kept.CallPhone, kept.Comment = r.End, r.CallBack, string(r.CallPhone), string(r.Comment)
		for _, a := range r.Answers {
			kept.Answers = append(kept.Answers, answer{a.Question, a.Value, string(a.Text)})
		}
	}
	if body, err = json.Marshal(kept); err != nil {
		return nil, nil, fmt.Errorf("encode save: %w", err)
	}
	h := hmac.New(sha256.New, s.keys.content)
	h.Write(body)
	return h.Sum(nil), body, nil
}

// keepSave sets a save apart whose id is known with other content.
func (t *tx) keepSave(r *ResponseSave, hash, body []byte) error {
	_, err := t.exec(`INSERT INTO set_asides (fact, body_hash, device, kind, reason, at, body) VALUES (?, ?, zeroblob(16), 'response', ?, ?, ?)
		ON CONFLICT (fact, body_hash) DO NOTHING`, r.ID[:], hash, ReasonConflict, milliseconds(t.now()), seal(t.w.store.keys.setAside, body, r.ID))
	return err
}

// takeSteps stores steps and a clue. A step that comes with a clue leaves no
// answers and no comment: nothing but the invitation's end tells of it.
func (t *tx) takeSteps(steps []Step, clue *NewClue, at time.Time) error {
	for n := range steps {
		step := steps[n]
		if clue != nil {
			step.Answers, step.Memory, step.CallBack, step.Comment = nil, nil, false, ""
		}
		if err := t.takeStep(&step, at); err != nil {
			return err
		}
	}
	if clue != nil {
		return t.keepClue(clue)
	}
	return nil
}

func (t *tx) queueTexts(texts []NewText) error {
	for n := range texts {
		if err := t.queueText(&texts[n]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) takeStep(step *Step, at time.Time) error {
	i, err := t.invitation(step.Invitation)
	if err != nil {
		return fmt.Errorf("find invitation: %w", err)
	}
	if !i.EndedAt.IsZero() {
		return ErrEnded
	}
	if i.SentAt.IsZero() {
		if err := t.proveDelivery(&i, at); err != nil {
			return err
		}
	}
	if len(step.Answers) > 0 || step.CallBack || step.Comment != "" {
		if err := t.answer(&i, step, at); err != nil {
			return err
		}
	}
	if step.Memory != nil {
		if err := t.remember(&i, step.Memory); err != nil {
			return err
		}
	}
	if step.End != "" {
		return t.endInvitation(i.ID, step.End, "", at)
	}
	return nil
}

// proveDelivery notes that the first text of an invitation has arrived, which
// nobody knew: somebody answers it. It is not sent again.
func (t *tx) proveDelivery(i *followup.Invitation, at time.Time) error {
	var id []byte
	err := t.row("SELECT id FROM texts WHERE invitation = ? AND purpose = 'invite' AND handings > 0", i.ID[:]).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find first text: %w", err)
	}
	x, err := t.text(surveys.FactID(id))
	if err != nil {
		return err
	}
	return t.advance(&x, TextState(texting.StatusDelivered), "", at)
}

func (t *tx) remember(i *followup.Invitation, memory []byte) error {
	sealed := []byte{}
	if len(memory) > 0 {
		sealed = seal(t.w.store.keys.memory, memory, i.ID)
	}
	if _, err := t.exec("UPDATE invitations SET memory = ? WHERE id = ?", sealed, i.ID[:]); err != nil {
		return fmt.Errorf("write conversation: %w", err)
	}
	return nil
}

// answer writes a step's answers and comment, and what follows from the first
// answer, from the overall grade and from a wish to be called.
func (t *tx) answer(i *followup.Invitation, step *Step, at time.Time) error {
	f, err := t.form(i.Form)
	if err != nil {
		return fmt.Errorf("find form %s: %w", i.Form, err)
	}
	_, err = t.exec("INSERT INTO responses (invitation, visit, started_at) VALUES (?, ?, ?) ON CONFLICT (invitation) DO NOTHING",
		i.ID[:], int64(i.Visit), milliseconds(at))
	if err != nil {
		return fmt.Errorf("begin response: %w", err)
	}
	if step.Flags != 0 {
		if _, err := t.exec("UPDATE responses SET flags = flags | ? WHERE invitation = ?", int64(step.Flags), i.ID[:]); err != nil {
			return fmt.Errorf("flag response: %w", err)
		}
	}
	for n := range step.Answers {
		if err := t.writeAnswer(i, f, &step.Answers[n], at); err != nil {
			return err
		}
	}
	if err := t.writeComment(i, step.Comment, at); err != nil {
		return err
	}
	if len(step.Answers) > 0 && i.AnsweredAt.IsZero() {
		if _, err := t.exec("UPDATE invitations SET answered_at = ? WHERE id = ?", milliseconds(at), i.ID[:]); err != nil {
			return fmt.Errorf("note first answer: %w", err)
		}
		if err := t.withdrawTexts("invitation = ? AND purpose IN ('invite', 'reminder')", milliseconds(at), i.ID[:]); err != nil {
			return err
		}
	}
	if !step.CallBack {
		return nil
	}
	phone := sealText(t.w.store.keys.phone, surveys.Secret(normalPhone(step.CallPhone)), i.ID)
	_, err = t.exec("UPDATE responses SET wants_call = 1, phone = CASE WHEN length(?1) > 0 THEN ?1 ELSE phone END WHERE invitation = ?2", phone, i.ID[:])
	if err != nil {
		return fmt.Errorf("note wish to be called: %w", err)
	}
	return t.openSurveyCallback(i, at)
}

func (t *tx) writeAnswer(i *followup.Invitation, f *followup.Form, a *followup.Answer, at time.Time) error {
	q, err := checkAnswer(f, a)
	if err != nil {
		return err
	}
	item, err := t.w.name(string(q.ID))
	if err != nil {
		return err
	}
	said := a.At
	if said.IsZero() {
		said = at
	}
	scored := q.Kind == followup.QuestionScale
	if q.Overall && scored {
		final, err := t.grade(i, item, surveys.Grade(a.Value), at)
		if err != nil {
			return err
		}
		a = &followup.Answer{Question: a.Question, Value: int(final), Text: a.Text}
	}
	comment := sealText(t.w.store.keys.answer, a.Text, answerID(i.ID, int64(item)))
	_, err = t.exec(`INSERT INTO answers (invitation, item, scored, value, comment, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (invitation, item) DO UPDATE
		SET value = excluded.value, comment = CASE WHEN length(excluded.comment) > 0 THEN excluded.comment ELSE comment END, at = excluded.at`,
		i.ID[:], item, scored, a.Value, comment, milliseconds(said))
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// answerID binds a comment to its answer: the invitation's id, its last bytes
// changed by the item.
func answerID(i followup.InvitationID, item int64) surveys.FactID {
	n := binary.BigEndian.Uint64(i[8:])
	binary.BigEndian.PutUint64(i[8:], n^uint64(item))
	return i
}

// checkAnswer refuses what the form does not offer.
func checkAnswer(f *followup.Form, a *followup.Answer) (followup.Question, error) {
	q, ok := f.Question(a.Question)
	if !ok {
		return q, errors.New("answer is to a question the form does not have")
	}
	if !utf8.ValidString(string(a.Text)) || utf8.RuneCountInString(string(a.Text)) > surveys.MaxComment {
		return q, surveys.ErrTooLong
	}
	if q.Kind != followup.QuestionScale {
		if a.Value < 0 || a.Value > 10 {
			return q, errors.New("answer is off the scale")
		}
		return q, nil
	}
	for _, c := range q.Choices {
		if c.Value == a.Value {
			return q, nil
		}
	}
	return q, errors.New("answer is off the scale")
}

// grade notes the overall question's first grade, tells it, and opens the
// call-back of a low one. It gives the grade that counts: the first.
func (t *tx) grade(i *followup.Invitation, item nameID, g surveys.Grade, at time.Time) (surveys.Grade, error) {
	var kept surveys.Grade
	var flags surveys.Flags
	if err := t.row("SELECT grade, flags FROM responses WHERE invitation = ?", i.ID[:]).Scan(&kept, &flags); err != nil {
		return 0, fmt.Errorf("read response: %w", err)
	}
	if kept != 0 || !g.Valid() {
		return kept, nil
	}
	counted := t.factTime(at)
	day, hour := dayAndHour(counted, t.w.store.opt.Zone)
	_, err := t.exec("UPDATE responses SET grade = ?, grade_item = ?, grade_flagged = ?, graded_day = ?, graded_hour = ? WHERE invitation = ?",
		int64(g), item, flags != 0, int64(day), hour, i.ID[:])
	if err != nil {
		return 0, fmt.Errorf("write grade: %w", err)
	}
	texts, err := t.w.texts(int64(item))
	if err != nil {
		return 0, err
	}
	err = t.w.emit(&surveys.Event{
		Kind: surveys.EventRatingRecorded, At: milliseconds(counted), Day: day, Hour: hour, Department: i.Department, Place: i.Place, Version: i.Form,
		Item: surveys.ItemID(texts[0]), Mode: i.Mode, Series: surveys.SeriesAsked, Grade: g, Flagged: flags != 0,
	})
	if err == nil && g.Low() {
		err = t.openSurveyCallback(i, at)
	}
	return g, err
}

// openSurveyCallback opens the call-back of a response, unless it has one. It
// stands under the invitation's id, as that of a tablet stands under its
// rating's.
func (t *tx) openSurveyCallback(i *followup.Invitation, at time.Time) error {
	on := surveys.DayOf(t.now(), t.w.store.opt.Zone)
	due := t.w.store.opt.Calendar.AddWorkdays(on, t.w.store.opt.CallbackWorkdays)
	_, err := t.exec(`INSERT INTO callbacks (rating, at, opened_on, due_on, department, place, grade, state)
		SELECT i.id, ?2, ?3, ?4, i.department, i.place, r.grade, ?5 FROM invitations i JOIN responses r ON r.invitation = i.id WHERE i.id = ?1
		ON CONFLICT (rating) DO UPDATE SET grade = excluded.grade WHERE grade = 0`,
		i.ID[:], milliseconds(t.factTime(at)), int64(on), int64(due), string(registers.CallbackOpen))
	if err != nil {
		return fmt.Errorf("open call-back of a response: %w", err)
	}
	return nil
}

// endResponse ends an invitation's response, if it has one, and tells its
// answers when they count.
func (t *tx) endResponse(id followup.InvitationID, counts bool, at time.Time) error {
	var flags surveys.Flags
	err := t.row("UPDATE responses SET ended_at = ? WHERE invitation = ? AND ended_at = 0 RETURNING flags", milliseconds(at), id[:]).Scan(&flags)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end response: %w", err)
	}
	if !counts {
		return nil
	}
	counted := t.factTime(at)
	day, hour := dayAndHour(counted, t.w.store.opt.Zone)
	if _, err := t.exec("UPDATE responses SET ended_day = ?, ended_hour = ? WHERE invitation = ?", int64(day), hour, id[:]); err != nil {
		return fmt.Errorf("end response: %w", err)
	}
	i, err := t.invitation(id)
	if err != nil {
		return err
	}
	rows, err := t.rows("SELECT n.text, a.value FROM answers a JOIN names n ON n.id = a.item WHERE a.invitation = ? AND a.scored = 1 ORDER BY a.item", id[:])
	if err != nil {
		return fmt.Errorf("read answers: %w", err)
	}
	events, err := collect(rows, func(rows *sql.Rows) (e surveys.Event, err error) {
		e = surveys.Event{
			Kind: surveys.EventAnswerRecorded, At: milliseconds(counted), Day: day, Hour: hour, Department: i.Department, Place: i.Place,
			Version: i.Form, Mode: i.Mode, Flagged: flags != 0,
		}
		return e, rows.Scan(&e.Item, &e.Value)
	})
	if err != nil {
		return fmt.Errorf("read answers: %w", err)
	}
	for n := range events {
		if err := t.w.emit(&events[n]); err != nil {
			return err
		}
	}
	return nil
}
