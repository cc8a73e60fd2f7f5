package sqlstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// A comment is kept with its response, and its text is one for a person to read.
func TestCommentsOnASurvey(t *testing.T) {
	const first, second, third = "+8613800138001", "+8613800138002", "+8613800138003"
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	low := storetest.Invited(t, s, 1, "1", first, now)
	quiet := storetest.Invited(t, s, 2, "2", second, now)
	clue := storetest.Invited(t, s, 3, "3", third, now)
	step := func(id followup.InvitationID, comment string) sqlstore.Step {
		return sqlstore.Step{Invitation: id, Comment: surveys.Secret(comment)}
	}
	say := func(n, from, body string, r sqlstore.Reply) {
		converse(t, s, storetest.Receive(t, s, n, from, body, now), r)
	}

	say("M1", first, "2", sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: low, Answers: []followup.Answer{{Question: "overall", Value: 2, Text: "等了很久"}}}}})
	say("M2", first, "三床的灯坏了", sqlstore.Reply{Steps: []sqlstore.Step{step(low, "三床的灯坏了")}})
	_, err := s.RecordResponse(ctx, sqlstore.ResponseSave{ID: storetest.ID(now, 9), At: now, Step: step(low, strings.Repeat("长", surveys.MaxComment+1)+"\xff")})
	must(t, err)
	say("M3", second, "不好说", sqlstore.Reply{Steps: []sqlstore.Step{step(quiet, "不好说")}})
	say("M4", third, "主任收红包", sqlstore.Reply{Outcome: sqlstore.InboundHandled, Clue: &sqlstore.NewClue{Words: "主任收红包"}, Steps: []sqlstore.Step{{
		Invitation: clue, Comment: "主任收红包", End: followup.InvitationStopped}}})
	say("M5", "+8613800138099", "谁啊", sqlstore.Reply{Outcome: sqlstore.InboundUnlinked})

	list, err := s.UnlinkedReplies(ctx, 0, 10)
	must(t, err)
	var got []string
	for _, r := range list {
		got = append(got, string(r.Body)+" "+string(r.Department))
	}
	if diff := cmp.Diff([]string{"谁啊 ", "不好说 cardiology", "三床的灯坏了 cardiology"}, got); diff != "" {
		t.Errorf("texts to read (-want +got):\n%s", diff)
	}
	calls, err := s.Callbacks(ctx, sqlstore.CallbackFilter{})
	must(t, err)
	if len(calls) != 1 || string(calls[0].Comment) != "等了很久\n三床的灯坏了\n"+strings.Repeat("长", surveys.MaxComment) {
		t.Errorf("%d call-backs, or the comment is not all that was written", len(calls))
	}
	if n := count(t, s, "SELECT count(*) FROM comments WHERE comment = '' OR instr(comment, '灯')"); n != 0 {
		t.Errorf("%d comments are not sealed", n)
	}
	if n := count(t, s, "SELECT count(*) FROM comments"); n != 3 {
		t.Errorf("%d comments are kept, want 3: none beside a clue", n)
	}
	if c, err := s.FindInvitation(ctx, quiet); err != nil || !c.Invitation.AnsweredAt.IsZero() {
		t.Errorf("a comment alone is an answer: %v", err)
	}
	if _, err := s.EndInvitations(ctx, now.AddDate(0, 0, 30), 10); err != nil {
		t.Fatal(err)
	}
	if c, err := s.FindInvitation(ctx, quiet); err != nil || c.Invitation.State != followup.InvitationUnanswered {
		t.Errorf("the survey ended as %s, %v, want unanswered", c.Invitation.State, err)
	}
	mustVerify(t, s)
}

// What differs in the comment alone is another save.
func TestACommentIsPartOfASave(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "1", phone, now)
	for _, tt := range []struct {
		comment surveys.Secret
		want    surveys.Outcome
	}{{"一", surveys.OutcomeStored}, {"一", surveys.OutcomeDuplicate}, {"二", surveys.OutcomeConflict}} {
		got, err := s.RecordResponse(ctx, sqlstore.ResponseSave{ID: storetest.ID(now, 9), At: now.Add(time.Minute), Step: sqlstore.Step{Invitation: id, Comment: tt.comment}})
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v, want %s", string(tt.comment), got, err, tt.want)
		}
	}
}
