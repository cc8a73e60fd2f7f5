package followup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/replies"
	"qingfeng/surveys/texting"
)

// Receive takes a text from the number and gives the conversation as it is
// afterwards, with what follows from it. now is when the text came in, so that
// one which waited for the store still counts for its window.
//
// What a text is, in this order: a word the carrier acted on; a stop word;
// anything else from a number that opted out; a clue; a call for help; the
// choice between two patients; the answer to what was asked; too late.
func (c Conversation) Receive(r Reply, now time.Time) (Conversation, []Effect) {
	s := step{c: c.clone(), now: now, text: bounded(r.Text)}
	switch {
	case r.Handled != "":
		s.handled(r.Handled)
	case replies.StopWord(string(s.text)):
		s.stop(true)
	case s.c.OptedOut:
		s.silent()
	case s.isClue():
		s.clue(s.saysYes())
	case replies.HelpWord(string(s.text)):
		s.send(s.newest(), texting.PurposeHelp, Question{})
	default:
		s.survey()
	}
	return s.c, s.effects
}

// step is one Receive on its way.
type step struct {
	c       Conversation
	now     time.Time
	text    surveys.Secret
	effects []Effect
}

func (s *step) add(e Effect) { s.effects = append(s.effects, e) }

// handled follows a carrier that manages opt-outs itself: the state changes,
// nothing is sent.
func (s *step) handled(word string) {
	switch word {
	case "stop":
		s.stop(false)
	case "start":
		if s.c.OptedOut {
			s.resume()
		}
	}
}

// stop opts the number out. Whoever has opted out before hears nothing.
func (s *step) stop(confirm bool) {
	if s.c.OptedOut {
		return
	}
	s.c.OptedOut = true
	s.releaseHeld()
	s.c.Number = NumberState{}
	s.add(OptOut{At: s.now})
	newest := s.newest()
	s.endOpen(InvitationOptedOut)
	if confirm {
		s.send(newest, texting.PurposeOptedOut, Question{})
	}
}

func (s *step) resume() {
	s.c.OptedOut = false
	s.add(Resume{At: s.now})
}

// silent takes a text of a number that opted out: it may come back, and it may
// report a red envelope, but it is not answered beyond that.
func (s *step) silent() {
	switch {
	case replies.StartWord(string(s.text)):
		s.resume()
		s.send(s.newest(), texting.PurposeResumed, Question{})
	case replies.Clue(string(s.text)):
		s.add(OpenClue{Text: s.text, Silent: true})
	case s.stopped():
		s.add(OpenClue{Text: s.text, Supplement: true})
	default:
		s.comment(nil, "")
	}
}

// isClue reports whether the text opens the clue lane by its words. A plain no
// while the envelope question is asked does not, though it may name what did
// not happen.
func (s *step) isClue() bool {
	text := string(s.text)
	return replies.Clue(text) && !(s.asksEnvelope() && !replies.ClueIn(text, replies.YesNo()))
}

// saysYes reports whether the text is a plain yes to the envelope question.
func (s *step) saysYes() bool {
	r := replies.Understand(string(s.text), replies.YesNo())
	return s.asksEnvelope() && !r.Ask() && r.Value == replies.Yes
}

// asksEnvelope reports whether an open thread waits for the answer to the
// envelope question.
func (s *step) asksEnvelope() bool {
	return slices.ContainsFunc(s.c.Threads, func(t Thread) bool {
		q, left := t.NextQuestion()
		return left && q.Kind == QuestionEnvelope && t.Mode == surveys.ModeReply && t.open(s.now)
	})
}

// clue ends every open thread of the number and hands the text over. A wish to
// be called in the same text opens no call-back: that would tell the conduct
// office, at this minute, whose clue it is. The hotline is named instead.
func (s *step) clue(envelope bool) {
	s.effects = slices.DeleteFunc(s.effects, func(e Effect) bool { _, call := e.(OpenCallback); return call })
	newest := s.newest()
	s.releaseHeld()
	s.add(OpenClue{Text: s.text, Envelope: envelope})
	s.endOpen(InvitationStopped)
	s.c.Number = NumberState{}
	s.send(newest, texting.PurposeClueReceived, Question{})
}

// survey takes a text that is none of the words that stand above a survey.
func (s *step) survey() {
	t, sure := s.addressed()
	switch {
	case len(s.c.Number.Which) > 0 && s.chooseThread():
	case t != nil && sure:
		s.answer(t)
	case t != nil:
		s.askWhich()
	case s.stopped():
		s.add(OpenClue{Text: s.text, Supplement: true})
	default:
		s.closed()
	}
}

// addressed gives the thread a text belongs to: the newest open one. It is not
// sure where the number has open threads of two patients and has not said since
// which it speaks of.
func (s *step) addressed() (t *Thread, sure bool) {
	newest := -1
	patients := 0
	for i := range s.c.Threads {
		one := &s.c.Threads[i]
		if !one.open(s.now) {
			continue
		}
		if newest < 0 || one.AskedAt.After(s.c.Threads[newest].AskedAt) {
			newest = i
		}
		first := slices.IndexFunc(s.c.Threads, func(other Thread) bool { return other.open(s.now) && other.Patient == one.Patient })
		if first == i {
			patients++
		}
	}
	if newest < 0 {
		return nil, false
	}
	t = &s.c.Threads[newest]
	if patients == 1 || !s.distinct() {
		return t, true
	}
	focus := s.thread(s.c.Number.Focus)
	if focus != nil && focus.open(s.now) && !t.AskedAt.After(s.c.Number.FocusedAt) {
		return focus, true
	}
	return t, false
}

// distinct reports whether the open threads can be told apart by what a text
// may name. Where all are of one ward and day, as of mother and child, the
// answer counts for the same ward whoever it is about, and nobody is asked.
func (s *step) distinct() bool {
	labels := map[string]bool{}
	for i := range s.c.Threads {
		if t := &s.c.Threads[i]; t.open(s.now) {
			labels[t.label("zh")] = true
		}
	}
	return len(labels) > 1
}

func (s *step) thread(id InvitationID) *Thread {
	for i := range s.c.Threads {
		if s.c.Threads[i].Invitation == id && !id.IsZero() {
			return &s.c.Threads[i]
		}
	}
	return nil
}

// newest is the thread that was asked last, open or not; nil: none.
func (s *step) newest() *Thread {
	var newest *Thread
	for i := range s.c.Threads {
		if t := &s.c.Threads[i]; !t.AskedAt.IsZero() && (newest == nil || t.AskedAt.After(newest.AskedAt)) {
			newest = t
		}
	}
	return newest
}

// stopped reports whether a clue ended the newest thread: what comes now, and
// be it after the window, may say more of it.
func (s *step) stopped() bool {
	t := s.newest()
	return t != nil && t.State == InvitationStopped
}

// endOpen ends every thread that is not over. One that was not texted yet ends
// too: an invitation that waits for its hour must not leave any more.
func (s *step) endOpen(state InvitationState) {
	for i := range s.c.Threads {
		if t := &s.c.Threads[i]; !t.ended() {
			s.end(t, state)
		}
	}
}

func (s *step) end(t *Thread, state InvitationState) {
	t.State = state
	t.Progress.Asking, t.Progress.Clarified = "", false
	s.add(EndInvitation{Invitation: t.Invitation, State: state})
}

// comment keeps the text with a thread, or with none.
func (s *step) comment(t *Thread, question surveys.ItemID) {
	keep := KeepComment{Question: question, Text: s.text, At: s.now}
	if t != nil {
		keep.Invitation = t.Invitation
	}
	s.add(keep)
}

// closed takes a text when nothing is open. After a complete survey it is a
// further word; after a window that closed it is late, which is said once.
func (s *step) closed() {
	t := s.newest()
	switch {
	case t == nil:
		s.comment(nil, "")
	case t.State == InvitationComplete && s.now.Before(t.ClosesAt):
		s.comment(t, "")
	default:
		s.comment(nil, "")
		if t.State != InvitationComplete && t.State != InvitationOptedOut && !t.Progress.LateNoticed {
			t.Progress.LateNoticed = true
			s.send(t, texting.PurposeLate, Question{})
		}
	}
}

// send answers in the language of the thread's invitation, or in Chinese where
// there is none. A question, when it is set, comes with its variables.
func (s *step) send(t *Thread, purpose texting.Purpose, q Question) {
	text := SendText{Purpose: purpose, Language: "zh"}
	if t != nil {
		text.Invitation, text.Mode, text.Language = t.Invitation, t.Mode, t.Language
	}
	if q.ID != "" {
		text.ask(q)
	}
	s.add(text)
}

// ask has a text ask a question.
func (text *SendText) ask(q Question) {
	text.Question = q.ID
	text.Variables = []texting.Variable{
		{Name: texting.VariableQuestion, Value: surveys.Secret(in(text.Language, q.Short))},
		{Name: texting.VariableChoices, Value: surveys.Secret(choiceList(q, text.Language))},
	}
}

// Ask is the text of an invitation or a reminder. It names the ward, or just
// the hospital where the ward is unknown; in reply mode it asks the question
// that is open.
func (t *Thread) Ask(purpose texting.Purpose) SendText {
	text := SendText{Invitation: t.Invitation, Mode: t.Mode, Purpose: purpose, Language: t.Language}
	if q, left := t.NextQuestion(); left && t.Mode == surveys.ModeReply {
		text.ask(q)
	}
	ward := t.Ward
	if ward == (surveys.Text{}) {
		ward = surveys.Text{ZH: "本院", EN: "our hospital"}
	}
	text.Variables = append(text.Variables, texting.Variable{Name: texting.VariableDepartment, Value: surveys.Secret(in(t.Language, ward))})
	return text
}

// in gives a text's words in a language; Chinese where it is not known.
func in(language string, t surveys.Text) string {
	if language == "en" {
		return t.EN
	}
	return t.ZH
}

// choiceList names the ends of a scale and what is between, as a text asks back.
func choiceList(q Question, language string) string {
	if q.Kind == QuestionEnvelope {
		return in(language, surveys.Text{ZH: "没有／有", EN: "NO / YES"})
	}
	var out []string
	for _, c := range q.Choices {
		if c.Value != NotApplicable {
			out = append(out, fmt.Sprintf("%d %s", c.Value, in(language, c.Text)))
		}
	}
	return strings.Join(out, in(language, surveys.Text{ZH: "，", EN: ", "}))
}
