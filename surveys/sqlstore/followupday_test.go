package sqlstore_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

func TestFollowupDay(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon() // a Saturday
	storetest.PublishForm(t, s)
	yesterday := storetest.Invited(t, s, 1, "1", "+8613800138001", now.AddDate(0, 0, -1))
	storetest.Invited(t, s, 2, "2", "+8613800138002", now)
	storetest.Invited(t, s, 3, "3", "+8613800138003", now)
	v := storetest.Apply(t, s, storetest.Discharge("4", now), storetest.Ward("+8613800138004")).Visit
	_, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{storetest.Invitation(4, v.ID, now.AddDate(0, 0, 2))})
	must(t, err)
	third := storetest.Invitation(3, v.ID, now).Text.Message.ID
	report(t, s, texting.StatusReport{ProviderID: "P" + third.String(), Status: texting.StatusDelivered, At: now})
	converse(t, s, storetest.Receive(t, s, "M1", "+8613800138001", "5", now), sqlstore.Reply{
		Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{Invitation: yesterday, Answers: answers("overall", 5), End: followup.InvitationComplete}},
	})
	converse(t, s, storetest.Receive(t, s, "M2", "+8613800138002", "退订", now), sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStop})
	for _, tt := range []struct {
		day  surveys.Day
		want []sqlstore.FollowupDay
	}{
		{20261120, []sqlstore.FollowupDay{{Mode: surveys.ModeReply, Invited: 1, Sent: 1, Delivered: 1}}},
		{20261121, []sqlstore.FollowupDay{{Mode: surveys.ModeReply, Invited: 2, Sent: 2, Delivered: 1, Answered: 1, OptedOut: 1}}},
		{20261123, []sqlstore.FollowupDay{{Mode: surveys.ModeReply, Invited: 1}}},
		{20261124, nil},
	} {
		got, err := s.FollowupDay(ctx, tt.day)
		must(t, err)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.day, diff)
		}
	}
}

// What a person reads or undoes is found by its number, and audited.
func TestRepliesAndOptOutsOfTheDesk(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	storetest.Invited(t, s, 1, "1", phone, now)
	reply := storetest.Receive(t, s, "M1", "+8613800138099", "谢谢护士", now)
	converse(t, s, reply, sqlstore.Reply{Outcome: sqlstore.InboundUnlinked})
	stop := storetest.Receive(t, s, "M2", phone, "退订", now)
	converse(t, s, stop, sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStop})

	if text, err := s.OpenUnlinkedReply(ctx, reply, admin); text != "谢谢护士" || err != nil {
		t.Errorf("the reply is %q, %v", string(text), err)
	}
	for name, id := range map[string]sqlstore.InboundID{"handled": stop, "unknown": 99} {
		if _, err := s.OpenUnlinkedReply(ctx, id, admin); !errors.Is(err, sqlstore.ErrNotFound) {
			t.Errorf("a reply that is %s: %v, want ErrNotFound", name, err)
		}
	}
	list, err := s.OptOuts(ctx, true, 9)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("opt-outs: %+v", list)
	}
	must(t, s.UndoOptOut(ctx, list[0].ID, admin))
	if out, err := s.IsOptedOut(ctx, texting.NumberOf(phone)); out || err != nil {
		t.Errorf("opted out after undoing: %v, %v", out, err)
	}
	if err := s.UndoOptOut(ctx, list[0].ID, admin); !errors.Is(err, sqlstore.ErrNotFound) {
		t.Errorf("undoing it twice: %v, want ErrNotFound", err)
	}
	entries, err := s.AuditEntries(ctx, 0, 2)
	must(t, err)
	actions := []string{entries[0].Action, entries[1].Action}
	if !slices.Equal(actions, []string{"opt_out.undo", "reply.open"}) {
		t.Errorf("audited: %v", actions)
	}
}
