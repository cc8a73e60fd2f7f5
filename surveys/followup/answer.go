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

// answer takes the text as the answer to what the thread asks. A thread that
// asks by link or code has asked nothing a text could answer: what comes is a
// comment.
func (s *step) answer(t *Thread) {
	if !t.Progress.CallWanted && wantsCall(s.text) {
		t.Progress.CallWanted = true
		s.add(OpenCallback{Invitation: t.Invitation, Grade: t.Progress.Grade, Asked: true})
	}
	q, left := t.NextQuestion()
	if t.Mode != surveys.ModeReply || !left {
		s.comment(t, "")
		return
	}
	switch q.Kind {
	case QuestionScale:
		s.answerScale(t, q)
	case QuestionEnvelope:
		s.answerEnvelope(t, q)
	case QuestionText:
		s.record(t, q, 0, remark(s.text))
		s.next(t)
	}
}

func (s *step) answerScale(t *Thread, q Question) {
	read := understand(s.text, q)
	if read.Ask() {
		s.notUnderstood(t, q)
		return
	}
	s.record(t, q, read.Value, read.Comment)
	if q.Overall {
		t.Progress.Grade = surveys.Grade(read.Value)
		if t.Progress.Grade.Low() {
			s.add(OpenCallback{Invitation: t.Invitation, Grade: t.Progress.Grade})
		}
	}
	s.next(t)
}

func (s *step) answerEnvelope(t *Thread, q Question) {
	switch read := understand(s.text, q); {
	case read.Ask():
		s.notUnderstood(t, q)
	case read.Value == replies.Yes:
		s.clue(true)
	default:
		s.record(t, q, EnvelopeNo, read.Comment)
		s.next(t)
	}
}

func (s *step) record(t *Thread, q Question, value int, rest surveys.Secret) {
	t.Progress.Answered = append(t.Progress.Answered, q.ID)
	t.Progress.Asking, t.Progress.Clarified = "", false
	s.add(RecordAnswer{Invitation: t.Invitation, Answer: Answer{Question: q.ID, Value: value, Text: rest, At: s.now}})
}

// notUnderstood asks back once. The second time the text is kept as a comment
// and the survey goes on: never guess, never insist.
func (s *step) notUnderstood(t *Thread, q Question) {
	s.comment(t, q.ID)
	if t.Progress.Asking == q.ID && t.Progress.Clarified {
		t.Progress.Passed = append(t.Progress.Passed, q.ID)
		t.Progress.Asking, t.Progress.Clarified = "", false
		s.next(t)
		return
	}
	t.Progress.Asking, t.Progress.Clarified = q.ID, true
	s.send(t, texting.PurposeClarify, q)
}

// next asks the next question, or says thank you.
func (s *step) next(t *Thread) {
	if q, left := t.NextQuestion(); left {
		t.Progress.Asking, t.Progress.Clarified = q.ID, false
		s.send(t, texting.PurposeQuestion, q)
		return
	}
	s.end(t, t.Progress.Outcome(t.Form, t.Mode))
	if t.Progress.Grade.Low() || t.Progress.CallWanted {
		s.send(t, texting.PurposeThanksLow, Question{})
		return
	}
	s.send(t, texting.PurposeThanks, Question{})
}

// askWhich asks which patient is meant, and holds the text until it is known.
func (s *step) askWhich() {
	var list []string
	s.c.Number = NumberState{Held: s.text}
	newest := s.newest()
	language := newest.Language
	for _, t := range s.openNewestFirst() {
		s.c.Number.Which = append(s.c.Number.Which, t.Invitation)
		list = append(list, fmt.Sprintf("%d%s%s", len(s.c.Number.Which), in(language, surveys.Text{ZH: "：", EN: ": "}), t.label(language)))
	}
	s.add(SendText{
		Invitation: newest.Invitation, Mode: newest.Mode, Purpose: texting.PurposeWhich, Language: language,
		Variables: []texting.Variable{{Name: texting.VariableVisits, Value: surveys.Secret(strings.Join(list, in(language, surveys.Text{ZH: "；", EN: "; "})))}},
	})
}

// openNewestFirst lists the open threads, one a patient, the newest first.
func (s *step) openNewestFirst() []*Thread {
	var out []*Thread
	for i := range s.c.Threads {
		if s.c.Threads[i].open(s.now) {
			out = append(out, &s.c.Threads[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *Thread) int { return b.AskedAt.Compare(a.AskedAt) })
	var once []*Thread
	for _, t := range out {
		if !slices.ContainsFunc(once, func(o *Thread) bool { return o.Patient == t.Patient }) {
			once = append(once, t)
		}
	}
	return once
}

// label tells a thread from another one of the number: ward and day of
// discharge, never a name.
func (t *Thread) label(language string) string {
	ward := in(language, t.Ward)
	if ward == "" {
		ward = in(language, surveys.Text{ZH: "住院", EN: "stay"})
	}
	if t.DischargedOn == 0 {
		return ward
	}
	day := t.DischargedOn.Start(time.UTC)
	if language == "en" {
		return ward + ", discharged " + day.Format("2 January")
	}
	return fmt.Sprintf("%s，%d月%d日出院", ward, day.Month(), day.Day())
}

// chooseThread takes the text as the answer to which patient is meant. It
// reports whether it dealt with the text. A text that chooses nothing is kept
// unlinked, and the question stays open: a later choice still counts.
func (s *step) chooseThread() bool {
	which := s.c.Number.Which
	open := 0
	for _, id := range which {
		if t := s.thread(id); t != nil && t.open(s.now) {
			open++
		}
	}
	if _, sure := s.addressed(); open < 2 || sure {
		s.releaseHeld()
		return false
	}
	n, ok := chosen(s.text, len(which))
	if !ok {
		s.comment(nil, "")
		return true
	}
	t := s.thread(which[n-1])
	if t == nil || !t.open(s.now) {
		s.comment(nil, "")
		return true
	}
	s.c.Number = NumberState{Focus: t.Invitation, FocusedAt: s.now, Held: s.c.Number.Held}
	s.text, s.c.Number.Held = s.c.Number.Held, ""
	s.answer(t)
	return true
}

// releaseHeld gives up a choice that is no longer needed, and keeps the text
// that waited for it.
func (s *step) releaseHeld() {
	if s.c.Number.Held != "" {
		s.add(KeepComment{Text: s.c.Number.Held, At: s.now})
	}
	s.c.Number.Which, s.c.Number.Held = nil, ""
}
