package texting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

const (
	// longOver is how long after its window a survey is still known to somebody
	// who writes.
	longOver = 60 * 24 * time.Hour
	// answerValid is how long an answer to a patient is worth sending.
	answerValid = 24 * time.Hour
)

// reply makes what follows from a text a patient sent. It has no effects of its
// own: the store may ask for it again.
func (s *Service) reply(ctx context.Context, x *sqlstore.Exchange) (*sqlstore.Reply, error) {
	remembered, state, err := decodeMemory(x.Memory)
	if err != nil {
		return nil, err
	}
	r := replying{s: s, x: x, memory: remembered, held: state.Held, known: map[followup.InvitationID]*sqlstore.Conversation{}}
	talk := followup.Conversation{OptedOut: x.OptedOut, Number: state}
	now := x.Inbound.ReceivedAt
	for _, list := range [][]sqlstore.Conversation{x.Open, x.Ended} {
		for i := range list {
			c := &list[i]
			if now.After(c.Invitation.ClosesAt.Add(longOver)) {
				continue
			}
			t, err := s.thread(ctx, c, len(x.Open) > 1)
			if err != nil {
				return nil, err
			}
			t.Progress.LateNoticed = t.Progress.LateNoticed || slices.Contains(remembered.Late, t.Invitation)
			talk.Threads = append(talk.Threads, t)
			r.known[t.Invitation] = c
		}
	}
	after, effects := talk.Receive(followup.Reply{Text: x.Inbound.Body, Handled: x.Inbound.Handled}, now)
	for _, e := range effects {
		if err := r.take(e); err != nil {
			return nil, err
		}
	}
	return r.finish(&talk, &after)
}

// thread is an invitation as the conversation sees it. The day of discharge is
// looked up where it tells two stays apart.
func (s *Service) thread(ctx context.Context, c *sqlstore.Conversation, dated bool) (followup.Thread, error) {
	i := &c.Invitation
	form, err := s.opt.Store.FindForm(ctx, i.Form)
	if err != nil {
		return followup.Thread{}, fmt.Errorf("find form: %w", err)
	}
	t := followup.Thread{
		Invitation: i.ID, Patient: i.Patient, Form: form, Mode: i.Mode, Language: i.Language, State: i.State, AskedAt: i.SentAt, ClosesAt: i.ClosesAt,
	}
	if i.RemindedAt.After(t.AskedAt) {
		t.AskedAt = i.RemindedAt
	}
	if !i.EndedAt.IsZero() && open(i.State) {
		t.State = followup.InvitationWithdrawn // it ended as it stood, and takes no answer
	}
	if place, ok := s.opt.Place(i.Place); ok {
		t.Ward = place.Name
	}
	if len(c.Memory) > 0 && json.Unmarshal(c.Memory, &t.Progress) != nil {
		return t, errors.New("the memory of a survey is damaged")
	}
	if !dated {
		return t, nil
	}
	v, err := s.opt.Store.FindVisit(ctx, i.Visit)
	if err != nil {
		return t, fmt.Errorf("find visit: %w", err)
	}
	if !v.DischargedAt.IsZero() {
		t.DischargedOn = surveys.DayOf(v.DischargedAt, s.opt.Rules.Hours.Zone)
	}
	return t, nil
}

// open reports whether a state is one that an answer may still come in.
func open(state followup.InvitationState) bool {
	switch state {
	case followup.InvitationQueued, followup.InvitationSent, followup.InvitationDelivered, followup.InvitationUndelivered:
		return true
	}
	return false
}

// replying gathers what follows from a text.
type replying struct {
	s      *Service
	x      *sqlstore.Exchange
	memory memory
	held   surveys.Secret // the text that waited for a choice, before this one
	known  map[followup.InvitationID]*sqlstore.Conversation

	reply    sqlstore.Reply
	receipt  surveys.Secret
	answered bool
	comments int  // texts that a person has to read
	heldKept bool // the held text was among them: its own row is kept
	which    bool // this text waits for a choice
}

func (r *replying) take(e followup.Effect) error {
	switch e := e.(type) {
	case followup.SendText:
		return r.send(&e)
	case followup.RecordAnswer:
		r.answered = true
		if step := r.step(e.Invitation); step != nil {
			step.Answers = append(step.Answers, e.Answer)
		}
	case followup.KeepComment:
		if r.held != "" && e.Text == r.held && !r.heldKept {
			r.heldKept = true
			return nil
		}
		r.comments++
	case followup.OptOut:
		r.reply.OptOut = sqlstore.OptOutStop
	case followup.Resume:
		r.reply.OptOut = sqlstore.OptOutStart
	case followup.OpenClue:
		return r.clue(&e)
	case followup.OpenCallback:
		// That of a low grade is opened by the store, with the answer.
		if step := r.step(e.Invitation); step != nil && e.Asked {
			step.CallBack = true
		}
	case followup.EndInvitation:
		// An opt-out ends all surveys of the number by itself.
		if step := r.step(e.Invitation); step != nil && e.State != followup.InvitationOptedOut {
			step.End = e.State
		}
	}
	return nil
}

// step is what changes about an invitation; nil for one that has ended, of
// which nothing can change.
func (r *replying) step(id followup.InvitationID) *sqlstore.Step {
	c := r.known[id]
	if c == nil || !c.Invitation.EndedAt.IsZero() {
		return nil
	}
	for i := range r.reply.Steps {
		if r.reply.Steps[i].Invitation == id {
			return &r.reply.Steps[i]
		}
	}
	r.reply.Steps = append(r.reply.Steps, sqlstore.Step{Invitation: id})
	return &r.reply.Steps[len(r.reply.Steps)-1]
}

func (r *replying) clue(e *followup.OpenClue) (err error) {
	r.reply.Clue = &sqlstore.NewClue{Words: e.Text}
	if e.Supplement || e.Silent {
		return nil
	}
	r.receipt, r.reply.Clue.ReceiptHash, err = NewReceipt()
	return err
}

// send queues an answer to the patient.
func (r *replying) send(e *followup.SendText) error {
	now := r.s.opt.Now()
	if day := surveys.DayOf(now, r.s.opt.Rules.Hours.Zone); day != r.memory.Day {
		r.memory.Day, r.memory.Texts = day, 0
	}
	r.which = r.which || e.Purpose == texting.PurposeWhich
	must := e.Purpose == texting.PurposeOptedOut || e.Purpose == texting.PurposeClueReceived
	if r.memory.Texts >= maxAnswers && !must {
		return nil
	}
	r.memory.Texts++
	composed, err := r.s.compose(e, r.receipt)
	if err != nil {
		return err
	}
	r.reply.Texts = append(r.reply.Texts, sqlstore.NewText{
		Invitation: e.Invitation, Segments: composed.Length.Segments,
		Message: texting.Message{
			ID: newID(now), To: r.x.Inbound.From, Country: r.country(), Purpose: e.Purpose, Language: e.Language,
			Body: composed.Body, Variables: composed.Variables, ValidFor: answerValid,
		},
		DueAt: now,
	})
	return nil
}

// country is that of the number: of its surveys, or as it is written.
func (r *replying) country() texting.Country {
	for _, list := range [][]sqlstore.Conversation{r.x.Open, r.x.Ended} {
		for _, c := range list {
			if c.Invitation.Country != "" {
				return c.Invitation.Country
			}
		}
	}
	number, err := phonenumbers.Parse(r.x.Inbound.From.E164(), "")
	if err != nil {
		return ""
	}
	return texting.Country(phonenumbers.GetRegionCodeForNumber(number))
}

// compose words a text. receipt is the code of a clue, if there is one.
func (s *Service) compose(e *followup.SendText, receipt surveys.Secret, more ...texting.Variable) (texting.Composed, error) {
	hotline := s.opt.Hotline
	if e.Purpose == texting.PurposeClueReceived {
		hotline = s.opt.ClueHotline
	}
	values := slices.Concat(e.Variables, []texting.Variable{{Name: texting.VariableHotline, Value: surveys.Secret(hotline)}}, more)
	if receipt != "" {
		values = append(values, texting.Variable{Name: texting.VariableReceipt, Value: receipt})
	}
	return s.opt.Templates.Compose(e.Purpose, e.Mode, e.Language, values)
}

// finish completes the reply by what is remembered and what became of the text.
func (r *replying) finish(before, after *followup.Conversation) (*sqlstore.Reply, error) {
	for i := range after.Threads {
		t := &after.Threads[i]
		if t.Progress.LateNoticed && !before.Threads[i].Progress.LateNoticed {
			r.memory.late(t.Invitation)
		}
		progress, err := changed(before.Threads[i].Progress, t.Progress)
		if err != nil {
			return nil, err
		}
		if progress == nil {
			continue
		}
		if step := r.step(t.Invitation); step != nil && step.End == "" { // what has ended remembers nothing
			step.Memory = progress
		}
	}
	var err error
	if r.reply.Memory, err = r.memory.encode(after.Number, r.x.Memory); err != nil {
		return nil, err
	}
	switch {
	case r.reply.Clue != nil:
		r.reply.Outcome = sqlstore.InboundHandled
	case r.comments > 0, r.which:
		r.reply.Outcome = sqlstore.InboundUnlinked
	case r.answered:
		r.reply.Outcome = sqlstore.InboundAnswered
	default:
		r.reply.Outcome = sqlstore.InboundHandled
	}
	return &r.reply, nil
}

// changed gives the encoded progress where it changed, and nil where not.
func changed(before, after followup.Progress) ([]byte, error) {
	was, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("encode progress: %w", err)
	}
	is, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("encode progress: %w", err)
	}
	if string(was) == string(is) {
		return nil, nil
	}
	return is, nil
}
