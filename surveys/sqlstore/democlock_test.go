package sqlstore_test

import (
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

func clockAt(at time.Time) func(*sqlstore.Options) {
	return func(o *sqlstore.Options) { o.Now = func() time.Time { return at } }
}

// A follow-up whose clock runs two days ahead leaves nothing in days that have
// not come, and one whose clock is the server's leaves each thing where it
// happened.
func TestNoFactIsOfAFutureDay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		clock time.Duration // the server's, after noon of the 21st
		day   surveys.Day
		hour  int
	}{
		{"the follow-up is ahead", -48 * time.Hour, 20261119, 12},
		{"an hour later by the server", 4 * time.Hour, 20261121, 13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := storetest.Noon()
			server := now.Add(tt.clock)
			s, ctx := storetest.New(t, clockAt(server)), t.Context()
			storetest.PublishForm(t, s)
			sms := storetest.Invited(t, s, 1, "1", "+8613800138001", now.Add(time.Hour))
			page := storetest.Invited(t, s, 2, "2", "+8613800138002", now.Add(time.Hour))
			in := storetest.Receive(t, s, "M1", "+8613800138001", "2", now.Add(time.Hour))
			converse(t, s, in, sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: sms, Answers: answers("overall", 2, "nurses", 4), End: followup.InvitationComplete}}})
			_, err := s.RecordResponse(ctx, sqlstore.ResponseSave{ID: storetest.ID(now, 9), At: now.Add(time.Hour),
				Step: sqlstore.Step{Invitation: page, Answers: answers("overall", 1, "nurses", 1)}})
			must(t, err)
			ended, err := s.EndInvitations(ctx, now.AddDate(0, 0, 30), 10)
			if err != nil || ended != 1 {
				t.Fatalf("ended %d, %v", ended, err)
			}
			all := events(t, s)
			if len(all) != 2+2+4 {
				t.Errorf("%d events, want 8", len(all))
			}
			for _, e := range all {
				day, hour := tt.day, tt.hour
				if e.Kind == surveys.EventAnswerRecorded && e.Grade == 0 && e.At == server.UnixMilli() {
					day, hour = surveys.DayOf(server, storetest.Zone()), server.Hour() // its window closed later than now
				}
				if e.Day != day || e.Hour != hour || e.At > server.UnixMilli() {
					t.Errorf("%s is of %s at %d (%s), want %s at %d", e.Kind, e.Day, e.Hour, time.UnixMilli(e.At), day, hour)
				}
			}
			calls, err := s.Callbacks(ctx, sqlstore.CallbackFilter{})
			must(t, err)
			for _, c := range calls {
				if c.At.After(server) || c.OpenedOn != surveys.DayOf(server, storetest.Zone()) {
					t.Errorf("call-back at %s, opened on %s", c.At, c.OpenedOn)
				}
			}
			if len(calls) != 2 {
				t.Errorf("%d call-backs, want 2", len(calls))
			}
			got, err := s.FindInvitation(ctx, sms)
			must(t, err)
			if i := got.Invitation; !i.SentAt.Equal(now.Add(time.Hour)) || !i.AnsweredAt.Equal(now.Add(time.Hour)) {
				t.Errorf("sent at %s, answered at %s: not by the follow-up's clock", i.SentAt, i.AnsweredAt)
			}
			if spent, err := s.Spent(ctx, 20261121); err != nil || len(spent) != 1 || spent[0].Texts != 2 {
				t.Errorf("spent on the follow-up's day: %+v, %v", spent, err)
			}
			mustVerify(t, s)
		})
	}
}

// A report that comes before the send has returned tells when the survey was
// sent: not earlier than it was handed over, by the follow-up's clock.
func TestAReportIsNotBeforeItsText(t *testing.T) {
	now := storetest.Noon()
	s, ctx := storetest.New(t, clockAt(now.Add(-48*time.Hour))), t.Context()
	storetest.PublishForm(t, s)
	v := storetest.Apply(t, s, storetest.Discharge("1", now.AddDate(0, 0, -2)), storetest.Ward(phone)).Visit
	inv := storetest.Invitation(1, v.ID, now)
	_, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{inv})
	must(t, err)
	taken, err := s.TakeTexts(ctx, sqlstore.Take{Now: now, Limit: 1, Routes: []sqlstore.Route{{Country: "CN", Carrier: "test"}}})
	if err != nil || len(taken.Texts) != 1 {
		t.Fatalf("taken: %+v, %v", taken, err)
	}
	report(t, s, texting.StatusReport{Carrier: "test", ProviderID: "P1", Message: taken.Texts[0].Message.ID, Status: texting.StatusDelivered})
	got, err := s.FindInvitation(ctx, inv.Invitation.ID)
	if err != nil || !got.Invitation.SentAt.Equal(now) {
		t.Errorf("sent at %s, %v, want %s", got.Invitation.SentAt, err, now)
	}
	if e := events(t, s); len(e) != 1 || e[0].Day != 20261119 {
		t.Errorf("told: %+v, want it to be of the server's day", e)
	}
}
