package sqlstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// converse works on an inbound text with a reply made beforehand.
func converse(t *testing.T, s *sqlstore.Store, id sqlstore.InboundID, reply sqlstore.Reply) {
	t.Helper()
	if reply.Outcome == "" {
		reply.Outcome = sqlstore.InboundAnswered
	}
	must(t, s.Converse(t.Context(), id, func(*sqlstore.Exchange) (*sqlstore.Reply, error) { return &reply, nil }))
}

func answers(pairs ...any) (list []followup.Answer) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, followup.Answer{Question: surveys.ItemID(pairs[i].(string)), Value: pairs[i+1].(int)})
	}
	return list
}

// told are the events by kind, item and value or grade.
func told(t *testing.T, s *sqlstore.Store) (list []string) {
	t.Helper()
	for _, e := range events(t, s) {
		list = append(list, fmt.Sprintf("%s %s %d", e.Kind, e.Item, int(e.Grade)+e.Value))
	}
	return list
}

// A whole survey by text: the grade leaves at once and is final, the other
// answers when it ends, each once, whatever is sent twice.
func TestASurveyByText(t *testing.T) {
	now := storetest.Noon()
	s, ctx := storetest.New(t, clockAt(now.Add(5*time.Hour))), t.Context()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)

	first := storetest.Receive(t, s, "M1", phone, "２ 等了很久", now.Add(time.Hour))
	if again := storetest.Receive(t, s, "M1", phone, "２ 等了很久", now.Add(2*time.Hour)); again != first {
		t.Errorf("the same text is %d and %d", first, again)
	}
	calls := 0
	for range 2 {
		must(t, s.Converse(ctx, first, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
			calls++
			if len(x.Open) != 1 || x.Open[0].Invitation.ID != id || x.Open[0].Memory != nil || string(x.Inbound.Body) != "２ 等了很久" || x.OptedOut {
				t.Errorf("exchange: %d open, opted out %v", len(x.Open), x.OptedOut)
			}
			return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Memory: []byte("number"), Steps: []sqlstore.Step{{
				Invitation: id, Answers: []followup.Answer{{Question: "overall", Value: 2, Text: "等了很久"}}, Memory: []byte("asked nurses"),
			}}}, nil
		}))
	}
	if calls != 1 {
		t.Errorf("the text was worked on %d times", calls)
	}
	second := storetest.Receive(t, s, "M2", phone, "5, 3", now.Add(2*time.Hour))
	must(t, s.Converse(ctx, second, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
		c := x.Open[0]
		want := []followup.Answer{{Question: "overall", Value: 2, Text: "等了很久", At: now.Add(time.Hour).UTC()}}
		if len(c.Answers) != 1 || c.Answers[0] != want[0] || string(c.Memory) != "asked nurses" || string(x.Memory) != "number" {
			t.Errorf("answers %v, want one", len(c.Answers))
		}
		return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 5, "nurses", 3, "food", 0)}}}, nil
	}))
	want := []string{"prompt_offered  0", "rating_recorded overall 2"}
	if diff := cmp.Diff(want, told(t, s)); diff != "" {
		t.Errorf("before the end (-want +got):\n%s", diff)
	}
	mustVerify(t, s)
	third := storetest.Receive(t, s, "M3", phone, "4", now.Add(3*time.Hour))
	converse(t, s, third, sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: answers("nurses", 4), End: followup.InvitationComplete}}})
	want = append(want, "answer_recorded overall 2", "answer_recorded nurses 4", "answer_recorded food 0")
	if diff := cmp.Diff(want, told(t, s)); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
	e := events(t, s)
	if r := e[1]; r.Mode != surveys.ModeReply || r.Series != surveys.SeriesAsked || r.Department != "cardiology" || r.Place != "ward-3" ||
		r.Version != storetest.Form().Version() || r.Day != 20261121 || r.Hour != 13 || r.Staff != "" {
		t.Errorf("rating is %+v", r)
	}
	late := storetest.Receive(t, s, "M4", phone, "thanks", now.Add(4*time.Hour))
	must(t, s.Converse(ctx, late, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
		if len(x.Open) != 0 || len(x.Ended) != 1 || x.Ended[0].Invitation.State != followup.InvitationComplete {
			t.Errorf("after the end: %d open, %d ended", len(x.Open), len(x.Ended))
		}
		return &sqlstore.Reply{Outcome: sqlstore.InboundUnlinked}, nil
	}))
	unlinked, err := s.UnlinkedReplies(ctx, 0, 9)
	if err != nil || len(unlinked) != 1 || string(unlinked[0].Body) != "thanks" {
		t.Errorf("%d unlinked replies, %v", len(unlinked), err)
	}
	if pending, err := s.PendingInbounds(ctx, 9); err != nil || len(pending) != 0 {
		t.Errorf("pending: %v %v", pending, err)
	}
	mustVerify(t, s)
	if got := folded(t, s, 20261122); len(got) != 5 {
		t.Errorf("counts by day have %d groups: %v", len(got), got)
	}
	if days, err := s.RebuildRollups(ctx); err != nil || days != 0 {
		t.Errorf("%d days were wrong, %v", days, err)
	}
}

// Who answers a text has it, whatever its carrier said: the answer counts, and
// the text is not sent again.
func TestAnAnswerProvesThatTheTextArrived(t *testing.T) {
	for _, class := range []texting.Class{"", texting.ClassAmbiguous, texting.ClassLater} {
		t.Run("class "+string(class), func(t *testing.T) {
			s, id := queued(t, t.TempDir()+"/qingfeng.db")
			ctx, now := t.Context(), storetest.Noon()
			early := storetest.Receive(t, s, "M0", phone, "5", now)
			must(t, s.Converse(ctx, early, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
				if len(x.Open) != 0 {
					t.Error("a survey is open that was not handed over")
				}
				return &sqlstore.Reply{Outcome: sqlstore.InboundUnlinked}, nil
			}))
			take(t, s, now)
			if class != "" {
				_, err := s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, At: now, Err: &texting.SendError{Class: class}})
				must(t, err)
			}
			in := storetest.Receive(t, s, "M1", phone, "5", now)
			must(t, s.Converse(ctx, in, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
				if len(x.Open) != 1 {
					t.Fatalf("%d open surveys", len(x.Open))
				}
				return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 5)}}}, nil
			}))
			if diff := cmp.Diff([]string{"prompt_offered  0", "rating_recorded overall 5"}, told(t, s)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := invitationState(t, s, id); got != followup.InvitationDelivered {
				t.Errorf("invitation is %s", got)
			}
			if err := s.ReleaseText(ctx, id); !isErr(err, sqlstore.ErrNotFound) || len(take(t, s, now.Add(time.Hour))) != 0 {
				t.Errorf("it is sent again (%v)", err)
			}
			must(t, s.RecordSent(ctx, sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P"}, At: now}))
			mustVerify(t, s)
		})
	}
}

func TestLowGradesAndWishesOpenACallback(t *testing.T) {
	for _, tt := range []struct {
		name  string
		step  sqlstore.Step
		want  int
		grade surveys.Grade
		wish  bool
		phone string
	}{
		{"satisfied", sqlstore.Step{Answers: answers("overall", 4)}, 0, 0, false, ""},
		{"very dissatisfied", sqlstore.Step{Answers: answers("overall", 1)}, 1, 1, false, phone},
		{"satisfied, wants a call", sqlstore.Step{Answers: answers("overall", 5), CallBack: true}, 1, 5, true, phone},
		{"wants a call at another number", sqlstore.Step{Answers: answers("overall", 2), CallBack: true, CallPhone: "138 0000 1111"}, 1, 2, true, "13800001111"},
		{"wants a call before any answer", sqlstore.Step{CallBack: true}, 1, 0, true, phone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
			storetest.PublishForm(t, s)
			id := storetest.Invited(t, s, 1, "4711", phone, now)
			tt.step.Invitation = id
			if len(tt.step.Answers) > 0 {
				tt.step.Answers = append(tt.step.Answers, followup.Answer{Question: "comment", Text: "护士很忙"})
			}
			converse(t, s, storetest.Receive(t, s, "M1", phone, "x", now), sqlstore.Reply{Steps: []sqlstore.Step{tt.step}})
			list, err := s.Callbacks(ctx, sqlstore.CallbackFilter{State: registers.CallbackOpen})
			must(t, err)
			if len(list) != tt.want {
				t.Fatalf("%d call-backs, want %d", len(list), tt.want)
			}
			mustVerify(t, s)
			if tt.want == 0 {
				return
			}
			c := list[0]
			if c.Rating != id || c.Mode != surveys.ModeReply || c.Grade != tt.grade || c.Wish != tt.wish || !c.HasPhone || c.Department != "cardiology" ||
				c.Place != "ward-3" || (len(tt.step.Answers) > 0 && string(c.Comment) != "护士很忙") {
				t.Errorf("call-back is %+v", c)
			}
			number, err := s.RevealPhone(ctx, c.ID, admin)
			if err != nil || string(number) != tt.phone {
				t.Errorf("the number is another (%v)", err)
			}
			if got := actions(t, s); got[len(got)-1] != "admin callback.reveal_phone" {
				t.Errorf("audited: %v", got)
			}
			done, err := s.CloseCallback(ctx, c.ID, registers.CallbackReached, "", true, admin)
			if err != nil || done.Mode != surveys.ModeReply || done.State != registers.CallbackDone {
				t.Errorf("closed: %+v %v", done, err)
			}
			// A later low grade does not open a second one.
			converse(t, s, storetest.Receive(t, s, "M2", phone, "1", now), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 1)}}})
			if n := count(t, s, "SELECT count(*) FROM callbacks"); n != 1 {
				t.Errorf("%d call-backs", n)
			}
			mustVerify(t, s)
		})
	}
}

// What changes while a reply is being made has it made anew.
func TestAReplyIsMadeOfWhatIsKnown(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	in := storetest.Receive(t, s, "M1", phone, "5", now)
	calls := 0
	must(t, s.Converse(ctx, in, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
		if calls++; calls == 1 { // meanwhile the same patient answers on the phone page
			outcome, err := s.RecordResponse(ctx, sqlstore.ResponseSave{ID: storetest.ID(now, 50), At: now, Step: sqlstore.Step{Invitation: id, Answers: answers("overall", 1), End: followup.InvitationComplete}})
			if outcome != surveys.OutcomeStored || err != nil {
				t.Errorf("page: %s %v", outcome, err)
			}
		}
		if len(x.Open) == 0 {
			return &sqlstore.Reply{Outcome: sqlstore.InboundUnlinked}, nil
		}
		return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 5)}}}, nil
	}))
	if calls != 2 || count(t, s, "SELECT grade FROM responses") != 1 {
		t.Errorf("asked %d times, grade %d", calls, count(t, s, "SELECT grade FROM responses"))
	}
	failed := storetest.Receive(t, s, "M2", phone, "?", now)
	broken := errors.New("broken")
	if err := s.Converse(ctx, failed, func(*sqlstore.Exchange) (*sqlstore.Reply, error) { return nil, broken }); !isErr(err, broken) {
		t.Errorf("fn's error: %v", err)
	}
	// A reply that cannot be stored leaves nothing.
	err := s.Converse(ctx, failed, func(*sqlstore.Exchange) (*sqlstore.Reply, error) {
		return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, OptOut: sqlstore.OptOutStop, Steps: []sqlstore.Step{{Invitation: storetest.ID(now, 99)}}}, nil
	})
	if err == nil {
		t.Error("a step of no invitation was stored")
	}
	if out, err := s.IsOptedOut(ctx, texting.NumberOf(phone)); out || err != nil {
		t.Errorf("half a reply was stored: %v %v", out, err)
	}
	if pending, err := s.PendingInbounds(ctx, 9); err != nil || len(pending) != 1 {
		t.Errorf("pending: %v %v", pending, err)
	}
	must(t, s.SetInboundAside(ctx, failed))
	if pending, err := s.PendingInbounds(ctx, 9); err != nil || len(pending) != 0 {
		t.Errorf("pending after setting it aside: %v %v", pending, err)
	}
	mustVerify(t, s)
}

// STOP ends everything for the number but its own confirmation; START undoes it
// and brings nothing back.
func TestOptOutByText(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	second := storetest.Apply(t, s, storetest.Discharge("4712", now), storetest.Ward(phone)).Visit
	later := storetest.Invitation(2, second.ID, now.AddDate(0, 0, 2))
	_, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{later})
	must(t, err)
	text := func(n uint64, p texting.Purpose) []sqlstore.NewText {
		return []sqlstore.NewText{{Segments: 1, Message: texting.Message{ID: storetest.ID(now, n), To: texting.NumberOf(phone), Country: "CN", Purpose: p, Body: "x"}}}
	}
	converse(t, s, storetest.Receive(t, s, "M1", phone, "2", now), sqlstore.Reply{
		Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 2)}}, Texts: text(60, texting.PurposeQuestion),
	})
	converse(t, s, storetest.Receive(t, s, "M2", phone, "退订", now), sqlstore.Reply{
		Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStop, Texts: text(61, texting.PurposeOptedOut),
		Steps: []sqlstore.Step{{Invitation: id, End: followup.InvitationOptedOut}},
	})
	sent := append(storetest.Send(t, s, now.Add(time.Hour)), storetest.Send(t, s, now.AddDate(0, 0, 2))...)
	if len(sent) != 1 || sent[0].Message.Purpose != texting.PurposeOptedOut {
		t.Errorf("%d texts, want the confirmation alone", len(sent))
	}
	if a, b := invitationState(t, s, id), invitationState(t, s, later.Invitation.ID); a != followup.InvitationOptedOut || b != followup.InvitationOptedOut {
		t.Errorf("invitations are %s and %s", a, b)
	}
	if diff := cmp.Diff([]string{"prompt_offered  0", "rating_recorded overall 2", "answer_recorded overall 2"}, told(t, s)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	list, err := s.OptOuts(ctx, true, 9)
	if err != nil || len(list) != 1 || list[0].Masked != "…8000" || list[0].How != "reply" {
		t.Errorf("opt-outs: %+v %v", list, err)
	}
	must(t, s.OptOut(ctx, texting.NumberOf(phone), "desk", admin)) // stands already
	converse(t, s, storetest.Receive(t, s, "M3", phone, "恢复", now), sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStart})
	if out, err := s.IsOptedOut(ctx, texting.NumberOf(phone)); out || err != nil {
		t.Errorf("opted out after START: %v %v", out, err)
	}
	if standing, err := s.OptOuts(ctx, true, 9); err != nil || len(standing) != 0 {
		t.Errorf("standing: %+v %v", standing, err)
	}
	mustVerify(t, s)
}

// A clue leaves its words nowhere but sealed, and nothing that leads from them
// to whoever wrote.
func TestAClueIsKeptApart(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon().Add(25*time.Minute)
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	converse(t, s, storetest.Receive(t, s, "M0", phone, "4, 2", now), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 4, "nurses", 2)}}})
	in := storetest.Receive(t, s, "M1", phone, "主任收了红包", now)
	receipt := storetest.ID(now, 70)
	converse(t, s, in, sqlstore.Reply{
		Outcome: sqlstore.InboundHandled, Clue: &sqlstore.NewClue{Words: "主任收了红包", ReceiptHash: "$argon2id$..."},
		Steps: []sqlstore.Step{{Invitation: id, End: followup.InvitationStopped, Answers: []followup.Answer{{Question: "envelope", Value: 1, Text: "主任收了红包"}}}},
		Texts: []sqlstore.NewText{{Segments: 1, Message: texting.Message{ID: receipt, To: texting.NumberOf(phone), Country: "CN",
			Purpose: texting.PurposeClueReceived, Body: "回执 1234567890123456"}}},
	})
	if n := count(t, s, "SELECT length(body) FROM inbounds WHERE id = ?", int64(in)); n != 0 {
		t.Error("the text's body is still there")
	}
	if n := count(t, s, "SELECT count(*) FROM answers"); n != 2 {
		t.Errorf("%d answers are kept with the invitation, want those from before the clue", n)
	}
	if got := invitationState(t, s, id); got != followup.InvitationStopped {
		t.Errorf("invitation is %s", got)
	}
	if diff := cmp.Diff([]string{"prompt_offered  0", "rating_recorded overall 4"}, told(t, s)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	must(t, s.OptOut(ctx, texting.NumberOf(phone), "desk", admin)) // takes neither the clue nor its receipt away
	sent := storetest.Send(t, s, storetest.Noon())
	if len(sent) != 1 || string(sent[0].Message.Body) != "回执 1234567890123456" {
		t.Fatalf("%d texts were sent", len(sent))
	}
	if n := count(t, s, "SELECT length(body) + length(variables) FROM texts WHERE id = ?", receipt[:]); n != 0 {
		t.Error("the receipt is still there after it was sent")
	}
	list, err := s.Clues(ctx)
	must(t, err)
	if len(list) != 1 || !list[0].At.Equal(storetest.Noon()) {
		t.Fatalf("clues: %+v, want one of noon", list)
	}
	if words, err := s.OpenClue(ctx, list[0].ID, admin); err != nil || string(words) != "主任收了红包" {
		t.Errorf("opened: %v", err)
	}
	if got := actions(t, s); got[len(got)-1] != "admin clue.open" {
		t.Errorf("audited: %v", got)
	}
	mustVerify(t, s)
}

// Saves of the phone page: partial ones, repeated ones, the last one.
func TestThePhonePage(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	save := func(n uint64, end followup.InvitationState, at time.Time, list ...any) sqlstore.ResponseSave {
		return sqlstore.ResponseSave{ID: storetest.ID(now, 100+n), At: at, Step: sqlstore.Step{Invitation: id, Answers: answers(list...), End: end}}
	}
	closing := now.AddDate(0, 0, 7)
	for _, tt := range []struct {
		name string
		save sqlstore.ResponseSave
		want surveys.Outcome
		err  error
	}{
		{"of nobody", sqlstore.ResponseSave{ID: storetest.ID(now, 99), At: now, Step: sqlstore.Step{Invitation: storetest.ID(now, 98)}}, "", sqlstore.ErrNotFound},
		{"first", save(1, "", now, "overall", 3), surveys.OutcomeStored, nil},
		{"first again", save(1, "", now.Add(time.Hour), "overall", 3), surveys.OutcomeDuplicate, nil},
		{"first with other content", save(1, "", now, "overall", 5), surveys.OutcomeConflict, nil},
		{"more", save(2, "", now, "overall", 5, "nurses", 1), surveys.OutcomeStored, nil},
		{"after the window", save(3, "", closing, "food", 1), "", sqlstore.ErrEnded},
		{"the end", save(4, followup.InvitationComplete, now, "nurses", 4, "food", 2), surveys.OutcomeStored, nil},
		{"the end again", save(4, followup.InvitationComplete, now, "nurses", 4, "food", 2), surveys.OutcomeDuplicate, nil},
		{"after the end", save(5, followup.InvitationComplete, now, "overall", 1), "", sqlstore.ErrEnded},
	} {
		got, err := s.RecordResponse(ctx, tt.save)
		if got != tt.want || (tt.err == nil) != (err == nil) || tt.err != nil && !isErr(err, tt.err) {
			t.Errorf("%s: %q %v, want %q %v", tt.name, got, err, tt.want, tt.err)
		}
	}
	want := []string{"prompt_offered  0", "rating_recorded overall 3", "answer_recorded overall 3", "answer_recorded nurses 4", "answer_recorded food 2"}
	if diff := cmp.Diff(want, told(t, s)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	aside, err := s.SetAsides(ctx, true)
	if err != nil || len(aside) != 1 || aside[0].Kind != "response" || aside[0].Reason != sqlstore.ReasonConflict {
		t.Errorf("set aside: %+v %v", aside, err)
	}
	mustVerify(t, s)
}

func TestAnswersTheFormDoesNotOffer(t *testing.T) {
	s, now := storetest.New(t), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	for name, list := range map[string][]followup.Answer{
		"off the scale": answers("nurses", 5), "to no question": answers("weather", 1), "no grade": answers("overall", 0),
		"too long": {{Question: "comment", Text: surveys.Secret(make([]byte, 2001))}},
	} {
		if _, err := s.RecordResponse(t.Context(), sqlstore.ResponseSave{ID: storetest.ID(now, 9), At: now, Step: sqlstore.Step{Invitation: id, Answers: list}}); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM responses"); n != 0 {
		t.Errorf("%d responses", n)
	}
}

// The window's end makes of each survey what it has become.
func TestWindowsClose(t *testing.T) {
	now := storetest.Noon()
	for _, tt := range []struct {
		name    string
		sent    bool
		status  texting.Status
		answers []followup.Answer
		want    followup.InvitationState
		told    int // answers
	}{
		{"never sent", false, "", nil, followup.InvitationWithdrawn, 0},
		{"sent", true, "", nil, followup.InvitationUnanswered, 0},
		{"delivered", true, texting.StatusDelivered, nil, followup.InvitationUnanswered, 0},
		{"undelivered", true, texting.StatusUndelivered, nil, followup.InvitationUndelivered, 0},
		{"one answer of three", true, "", answers("overall", 4), followup.InvitationBreakOff, 1},
		{"two answers of three", true, "", answers("overall", 4, "food", 0), followup.InvitationPartial, 2},
		{"only a comment", true, "", []followup.Answer{{Question: "comment", Text: "好"}}, followup.InvitationBreakOff, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, id := queued(t, t.TempDir()+"/qingfeng.db")
			ctx := t.Context()
			if tt.sent {
				storetest.Send(t, s, now)
			}
			if tt.status != "" {
				report(t, s, texting.StatusReport{Message: id, ProviderID: "P", Status: tt.status})
			}
			if tt.answers != nil {
				converse(t, s, storetest.Receive(t, s, "M1", phone, "x", now), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: tt.answers}}})
			}
			if n, err := s.EndInvitations(ctx, now.AddDate(0, 0, 7).Add(-time.Millisecond), 10); n != 0 || err != nil {
				t.Errorf("before the end %d ended, %v", n, err)
			}
			waiting := storetest.Receive(t, s, "M2", phone, "in time", now.AddDate(0, 0, 6))
			if n, err := s.EndInvitations(ctx, now.AddDate(0, 0, 7), 10); n != 0 || err != nil {
				t.Errorf("with a text waiting %d ended, %v", n, err)
			}
			converse(t, s, waiting, sqlstore.Reply{Outcome: sqlstore.InboundHandled})
			for _, want := range []int{1, 0} {
				if n, err := s.EndInvitations(ctx, now.AddDate(0, 0, 7), 10); n != want || err != nil {
					t.Errorf("%d ended, %v; want %d", n, err, want)
				}
			}
			if got := invitationState(t, s, id); got != tt.want {
				t.Errorf("invitation is %s, want %s", got, tt.want)
			}
			n := 0
			for _, e := range events(t, s) {
				if e.Kind == surveys.EventAnswerRecorded {
					n++
				}
			}
			if n != tt.told {
				t.Errorf("%d answers left, want %d", n, tt.told)
			}
			mustVerify(t, s)
		})
	}
}

func TestReminders(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, now)
	due := func(at time.Time) []sqlstore.Reminder {
		list, err := s.RemindersDue(ctx, now.AddDate(0, 0, -5), at, 9)
		must(t, err)
		return list
	}
	if got := due(now); len(got) != 0 {
		t.Errorf("%d reminders for what was sent at the bound", len(got))
	}
	got := due(now.Add(time.Millisecond))
	if len(got) != 1 || got[0].Invitation.ID != id || got[0].First.Variables[0].Value != "135790" || got[0].First.To.E164() != phone {
		t.Fatalf("%d reminders", len(got))
	}
	text := sqlstore.NewText{Segments: 1, Message: texting.Message{ID: storetest.ID(now, 80), Purpose: texting.PurposeReminder, Body: "再次提醒"}}
	for _, want := range []bool{true, false} {
		if queued, err := s.QueueReminder(ctx, id, text); queued != want || err != nil {
			t.Errorf("queued %v, %v; want %v", queued, err, want)
		}
	}
	if len(due(now.Add(time.Hour))) != 0 {
		t.Error("reminded and still due")
	}
	// An answer takes the waiting reminder back.
	converse(t, s, storetest.Receive(t, s, "M1", phone, "5", now), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 5)}}})
	if got := take(t, s, now.Add(time.Minute)); len(got) != 0 {
		t.Errorf("%d texts after the answer", len(got))
	}
}

func TestTokensAndCodes(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	var outcomes []sqlstore.QueueOutcome
	var list []sqlstore.NewInvitation
	for n, code := range []surveys.Secret{"13579024", "13579024", "24680135"} {
		v := storetest.Apply(t, s, storetest.Discharge(followup.PatientNumber(fmt.Sprint(n)), now.AddDate(0, 0, -2)), storetest.Ward(fmt.Sprint("+861380013800", n))).Visit
		inv := storetest.Invitation(uint64(n+1), v.ID, now)
		inv.Code, inv.Invitation.Mode = code, surveys.ModeCode
		list = append(list, inv)
	}
	outcomes, err := s.QueueInvitations(ctx, list)
	must(t, err)
	if diff := cmp.Diff([]sqlstore.QueueOutcome{"queued", "code_taken", "queued"}, outcomes); diff != "" {
		t.Fatalf("outcomes (-want +got):\n%s", diff)
	}
	first := list[0].Invitation.ID
	try := func(code surveys.Secret, source string, at time.Time, token byte) (followup.InvitationID, error) {
		return s.ExchangeCode(ctx, sqlstore.CodeTry{Code: code, Source: source, TokenHash: [32]byte{token}, At: at})
	}
	if _, err := try("13579024", "lobby", now, 7); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("a code that was not sent yet: %v", err)
	}
	storetest.Send(t, s, now)
	for token := byte(7); token < 9; token++ {
		if got, err := try("13579024", "lobby", now, token); got != first || err != nil {
			t.Errorf("exchange: %v %v", got, err)
		}
		if c, err := s.FindInvitationByToken(ctx, [32]byte{token}); err != nil || c.Invitation.ID != first {
			t.Errorf("by its new token: %v", err)
		}
	}
	for _, hash := range [][32]byte{{}, {7}, list[0].TokenHash} {
		if _, err := s.FindInvitationByToken(ctx, hash); !isErr(err, sqlstore.ErrNotFound) {
			t.Errorf("by a token that is none any more: %v", err)
		}
	}
	for n := range sqlstore.CodeTries - 1 { // one was wrong before
		if _, err := try(surveys.Secret(fmt.Sprint("0000000", n)), "lobby", now, 1); !isErr(err, sqlstore.ErrNotFound) {
			t.Errorf("a wrong code: %v", err)
		}
	}
	if _, err := try("24680135", "lobby", now, 1); !isErr(err, sqlstore.ErrTooManyTries) {
		t.Errorf("a right code after too many wrong ones: %v", err)
	}
	if _, err := try("24680135", "another", now, 1); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	if _, err := try("13579024", "lobby", now.Add(time.Hour), 1); err == nil {
		t.Error("two invitations have one token")
	}
	if _, err := try("13579024", "lobby", now.Add(time.Hour), 2); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	outcome, err := s.RecordResponse(ctx, sqlstore.ResponseSave{ID: storetest.ID(now, 9), At: now, Step: sqlstore.Step{Invitation: first, Answers: answers("overall", 5), End: followup.InvitationComplete}})
	must(t, err)
	if _, err := try("13579024", "lobby", now.Add(time.Hour), 3); outcome != surveys.OutcomeStored || !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("a code that was used: %v", err)
	}
}
