package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// queued is a store with one invitation queued for noon; its text has its id.
func queued(t *testing.T, path string) (*sqlstore.Store, followup.InvitationID) {
	t.Helper()
	s := storetest.Open(t, path)
	storetest.PublishForm(t, s)
	v := storetest.Apply(t, s, storetest.Discharge("4711", storetest.Noon().AddDate(0, 0, -2)), storetest.Ward(phone)).Visit
	inv := storetest.Invitation(1, v.ID, storetest.Noon())
	got, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{inv})
	if err != nil || got[0] != sqlstore.Queued {
		t.Fatalf("queue: %v %v", got, err)
	}
	return s, inv.Invitation.ID
}

func take(t *testing.T, s *sqlstore.Store, at time.Time) []sqlstore.TakenText {
	t.Helper()
	taken, err := s.TakeTexts(t.Context(), sqlstore.Take{Now: at, Limit: 100, Routes: []sqlstore.Route{{Country: "CN", Carrier: "test", PerSegment: 5}}})
	must(t, err)
	return taken.Texts
}

func report(t *testing.T, s *sqlstore.Store, r texting.StatusReport) sqlstore.StatusApplied {
	t.Helper()
	r.Carrier = "test"
	done, err := s.RecordStatus(t.Context(), r)
	must(t, err)
	return done
}

func invitationState(t *testing.T, s *sqlstore.Store, id followup.InvitationID) followup.InvitationState {
	t.Helper()
	c, err := s.FindInvitation(t.Context(), id)
	must(t, err)
	return c.Invitation.State
}

func count(t *testing.T, s *sqlstore.Store, query string, args ...any) (n int64) {
	t.Helper()
	must(t, s.Ask(t.Context(), &n, query, args...))
	return n
}

// A text that is being handed over when the program ends is not sent again by
// itself: it is unknown until somebody finds out.
func TestAnInterruptedHandingOverIsUnknown(t *testing.T) {
	path, ctx, now := filepath.Join(t.TempDir(), "qingfeng.db"), t.Context(), storetest.Noon()
	s, id := queued(t, path)
	taken := take(t, s, now)
	if len(taken) != 1 || taken[0].Message.To.E164() != phone || string(taken[0].Message.Body) != "【测试医院】请回复1至5" ||
		taken[0].Message.Variables[0].Value != "135790" || taken[0].Handings != 1 || taken[0].Message.ValidFor != 48*time.Hour {
		t.Fatalf("taken: %d texts", len(taken))
	}
	must(t, s.Close()) // nothing is said of the text: as a kill would leave it
	s = storetest.Open(t, path)
	if n, err := s.RecoverTexts(ctx); n != 1 || err != nil {
		t.Fatalf("recovered %d, %v", n, err)
	}
	if again := take(t, s, now.Add(time.Hour)); len(again) != 0 {
		t.Fatalf("it is handed over again: %d", len(again))
	}
	list, err := s.AmbiguousTexts(ctx, now.Add(time.Minute), 10)
	must(t, err)
	if len(list) != 1 || list[0].Message.ID != id || list[0].Carrier != "test" || !list[0].HandedAt.Equal(now) {
		t.Fatalf("ambiguous: %d", len(list))
	}
	must(t, s.ReleaseText(ctx, id))
	if err := s.ReleaseText(ctx, id); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("released twice: %v", err)
	}
	again := take(t, s, now.Add(time.Hour))
	if len(again) != 1 || again[0].Handings != 2 || again[0].Message.Body != taken[0].Message.Body {
		t.Fatalf("after its release: %d texts", len(again))
	}
	must(t, s.RecordSent(ctx, sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P2"}, At: now}))
	report(t, s, texting.StatusReport{ProviderID: "P1", Message: id, Status: texting.StatusDelivered}) // the first one did arrive
	if got := invitationState(t, s, id); got != followup.InvitationDelivered {
		t.Errorf("invitation is %s", got)
	}
	if n := count(t, s, "SELECT count(*) FROM invitations WHERE offered_day > 0"); n != 1 || len(events(t, s)) != 1 {
		t.Errorf("offered %d times, %d events", n, len(events(t, s)))
	}
	mustVerify(t, s)
}

func TestFailedSends(t *testing.T) {
	now := storetest.Noon()
	for _, tt := range []struct {
		name       string
		class      texting.Class
		tries      int
		retry      time.Duration
		state      sqlstore.TextState
		invitation followup.InvitationState
		spent      surveys.Fen
	}{
		{"final", texting.ClassFinal, 1, 0, sqlstore.TextRefused, followup.InvitationRefused, 0},
		{"suppress", texting.ClassSuppress, 1, 0, sqlstore.TextRefused, followup.InvitationRefused, 0},
		{"halt", texting.ClassHalt, 3, 0, sqlstore.TextWaiting, followup.InvitationQueued, 0},
		{"later", texting.ClassLater, 5, time.Minute, sqlstore.TextWaiting, followup.InvitationQueued, 0},
		{"later than it is good for", texting.ClassLater, 1, 72 * time.Hour, sqlstore.TextExpired, followup.InvitationWithdrawn, 0},
		{"once of twice", texting.ClassTwice, 1, 0, sqlstore.TextWaiting, followup.InvitationQueued, 0},
		{"twice", texting.ClassTwice, 2, 0, sqlstore.TextRefused, followup.InvitationRefused, 0},
		{"ambiguous", texting.ClassAmbiguous, 1, 0, sqlstore.TextUnknown, followup.InvitationQueued, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
			var state sqlstore.TextState
			at := now
			for range tt.tries {
				if got := take(t, s, at); len(got) != 1 {
					t.Fatalf("took %d texts", len(got))
				}
				var err error
				retry := at.Add(tt.retry)
				state, err = s.RecordSendFailed(t.Context(), sqlstore.SendFailure{
					ID: id, Carrier: "test", Err: &texting.SendError{Class: tt.class, Code: "30007"}, At: at, RetryAt: retry,
				})
				must(t, err)
				at = retry.Add(2 * time.Minute)
			}
			if got := invitationState(t, s, id); state != tt.state || got != tt.invitation {
				t.Errorf("text is %s, invitation %s; want %s and %s", state, got, tt.state, tt.invitation)
			}
			spent, err := s.Spent(t.Context(), 20261121)
			must(t, err)
			var sum surveys.Fen
			for _, p := range spent {
				sum += p.Cost
			}
			if sum != tt.spent {
				t.Errorf("spent %d fen, want %d", sum, tt.spent)
			}
			suppressed, err := s.Suppressions(t.Context(), 10)
			must(t, err)
			if (len(suppressed) == 1) != (tt.class == texting.ClassSuppress) {
				t.Errorf("suppressed: %+v", suppressed)
			}
			if len(events(t, s)) != 0 {
				t.Error("a text nobody took was offered")
			}
			mustVerify(t, s)
		})
	}
}

func TestASuppressedNumberGetsNothing(t *testing.T) {
	s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
	ctx, now := t.Context(), storetest.Noon()
	take(t, s, now)
	_, err := s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, Carrier: "test", At: now, Err: &texting.SendError{Class: texting.ClassSuppress, Code: "21610"}})
	must(t, err)
	other := storetest.Apply(t, s, storetest.Discharge("4712", now), storetest.Ward(phone)).Visit
	got, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{storetest.Invitation(2, other.ID, now)})
	if err != nil || got[0] != sqlstore.QueueSuppressed {
		t.Errorf("queued: %v %v", got, err)
	}
	if list := candidates(t, s, true); len(list) != 1 || !list[0].Suppressed {
		t.Errorf("candidates: %+v", list)
	}
	list, err := s.Suppressions(ctx, 9)
	must(t, err)
	if len(list) != 1 || list[0].Masked != "…8000" || list[0].Code != "21610" {
		t.Fatalf("suppressed: %+v", list)
	}
	must(t, s.LiftSuppression(ctx, list[0].ID, admin))
	if got, err = s.QueueInvitations(ctx, []sqlstore.NewInvitation{storetest.Invitation(2, other.ID, now)}); err != nil || got[0] != sqlstore.Queued {
		t.Errorf("queued after lifting it: %v %v", got, err)
	}
}

// A carrier's word and its reports, in any order and repeatedly, leave the
// status of the highest rank, and every report is kept.
func TestStatusesInAnyOrder(t *testing.T) {
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, 5))
	all := []texting.Status{texting.StatusQueued, texting.StatusSent, texting.StatusDelivered, texting.StatusUndelivered, texting.StatusRefused}
	for round := range 20 {
		s, id := queued(t, filepath.Join(t.TempDir(), fmt.Sprint(round, ".db")))
		take(t, s, storetest.Noon())
		n, want, taken := 1+r.IntN(6), texting.StatusQueued, false
		sendAt := r.IntN(n + 1)
		known := r.IntN(2) == 0 // whether the reports carry our own id
		for i := range n + 1 {
			if i == sendAt {
				for range 1 + r.IntN(2) {
					must(t, s.RecordSent(t.Context(), sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P1"}, At: storetest.Noon()}))
				}
				taken = true
				continue
			}
			status := all[r.IntN(len(all))]
			if status.Rank() > want.Rank() {
				want = status
			}
			rep := texting.StatusReport{ProviderID: "P1", Status: status, At: storetest.Noon()}
			if known {
				rep.Message = id
			}
			done := report(t, s, rep)
			if (known || taken) != !done.Text.IsZero() {
				t.Fatalf("seed %d round %d: report tied: %v", seed, round, done)
			}
		}
		var state string
		must(t, s.Ask(t.Context(), &state, "SELECT state FROM texts"))
		if state != string(want) || count(t, s, "SELECT count(*) FROM text_reports") != int64(n) || count(t, s, "SELECT count(*) FROM text_reports WHERE length(text) = 0") != 0 {
			t.Errorf("seed %d round %d: text is %s, want %s", seed, round, state, want)
		}
		reached := map[texting.Status]followup.InvitationState{
			texting.StatusQueued: followup.InvitationSent, texting.StatusSent: followup.InvitationSent, texting.StatusDelivered: followup.InvitationDelivered,
			texting.StatusUndelivered: followup.InvitationUndelivered, texting.StatusRefused: followup.InvitationRefused,
		}
		if got := invitationState(t, s, id); got != reached[want] {
			t.Errorf("seed %d round %d: invitation is %s with a text %s", seed, round, got, want)
		}
		if got := len(events(t, s)); got > 1 || got == 0 && want != texting.StatusRefused {
			t.Errorf("seed %d round %d: offered %d times", seed, round, got)
		}
		mustVerify(t, s)
	}
}

// A report about a text nobody knows yet is kept, and counts once it is known.
func TestAReportOfAnUnknownIdWaits(t *testing.T) {
	s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
	take(t, s, storetest.Noon())
	if done := report(t, s, texting.StatusReport{ProviderID: "P1", Status: texting.StatusDelivered}); !done.Text.IsZero() || done.Changed {
		t.Errorf("an unknown report did %+v", done)
	}
	report(t, s, texting.StatusReport{ProviderID: "somebody else's", Status: texting.StatusDelivered})
	must(t, s.RecordSent(t.Context(), sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P1", Status: texting.StatusQueued}, At: storetest.Noon()}))
	if got := invitationState(t, s, id); got != followup.InvitationDelivered {
		t.Errorf("invitation is %s", got)
	}
	if n := count(t, s, "SELECT count(*) FROM text_reports WHERE length(text) = 0"); n != 1 {
		t.Errorf("%d reports are nobody's, want the one that is", n)
	}
	if _, err := s.RecordStatus(t.Context(), texting.StatusReport{Status: "eaten"}); err == nil {
		t.Error("an unknown status was recorded")
	}
}

func TestTakeTextsKeepsToRoutesBudgetAndUrgency(t *testing.T) {
	s, ctx, now := storetest.New(t), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	var list []sqlstore.NewInvitation
	for n, country := range []texting.Country{"CN", "CN", "CN", "XX"} {
		p := storetest.Ward(fmt.Sprint("+861380013800", n))
		p.Country = country
		v := storetest.Apply(t, s, storetest.Discharge(followup.PatientNumber(fmt.Sprint(n)), now.AddDate(0, 0, -2)), p).Visit
		inv := storetest.Invitation(uint64(n+1), v.ID, now)
		inv.Text.Segments = 2
		list = append(list, inv)
	}
	_, err := s.QueueInvitations(ctx, list)
	must(t, err)
	in := storetest.Receive(t, s, "M1", "+8613800138000", "帮助", now)
	must(t, s.Converse(ctx, in, func(*sqlstore.Exchange) (*sqlstore.Reply, error) {
		return &sqlstore.Reply{Outcome: sqlstore.InboundHandled, Texts: []sqlstore.NewText{{Segments: 1, Message: texting.Message{
			ID: storetest.ID(now, 90), To: texting.NumberOf("+8613800138000"), Country: "CN", Purpose: texting.PurposeHelp, Body: "帮助"}}}}, nil
	}))
	select {
	case <-s.TextsQueued():
	default:
		t.Error("nobody was told of the texts")
	}
	routes := []sqlstore.Route{{Country: "CN", Carrier: "test", PerSegment: 5}}
	early, err := s.TakeTexts(ctx, sqlstore.Take{Now: now.Add(-time.Minute), Limit: 9, Routes: routes})
	if err != nil || len(early.Texts) != 0 {
		t.Errorf("before their time: %d texts, %v", len(early.Texts), err)
	}
	first, err := s.TakeTexts(ctx, sqlstore.Take{Now: now, Limit: 2, Routes: routes, Budget: 26})
	must(t, err)
	if len(first.Texts) != 2 || first.Texts[0].Message.Purpose != texting.PurposeHelp || first.OverBudget {
		t.Fatalf("first: %d texts, over budget %v; want the answer before a survey", len(first.Texts), first.OverBudget)
	}
	second, err := s.TakeTexts(ctx, sqlstore.Take{Now: now, Limit: 9, Routes: routes, Budget: 26})
	must(t, err)
	if len(second.Texts) != 1 || !second.OverBudget {
		t.Errorf("second: %d texts, over budget %v; want one more of 10 fen and no other", len(second.Texts), second.OverBudget)
	}
	spent, err := s.Spent(ctx, 20261121)
	must(t, err)
	if diff := cmp.Diff([]sqlstore.Spend{{Carrier: "test", Texts: 3, Segments: 5, Cost: 25}}, spent); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
	must(t, s.RecordSent(ctx, sqlstore.SentText{ID: second.Texts[0].Message.ID, Carrier: "test", Sent: texting.Sent{ProviderID: "P", Segments: 3}, At: now}))
	if spent, err = s.Spent(ctx, 20261121); err != nil || spent[0].Cost != 30 {
		t.Errorf("after the carrier counted three segments: %+v %v", spent, err)
	}
	counts, err := s.TextCounts(ctx, now)
	must(t, err)
	if diff := cmp.Diff(sqlstore.TextCounts{Waiting: 2, Due: 2, Handing: 2}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	tomorrow, err := s.TakeTexts(ctx, sqlstore.Take{Now: now.AddDate(0, 0, 1), Limit: 9, Routes: routes, Budget: 26})
	must(t, err)
	if len(tomorrow.Texts) != 1 || tomorrow.OverBudget {
		t.Errorf("the next day: %d texts", len(tomorrow.Texts))
	}
	late, err := s.TakeTexts(ctx, sqlstore.Take{Now: now.AddDate(0, 0, 3), Limit: 9, Routes: routes})
	must(t, err)
	if late.Expired != 1 || len(late.Texts) != 0 {
		t.Errorf("after three days: %d expired, %d taken", late.Expired, len(late.Texts))
	}
	mustVerify(t, s)
}

// What was withdrawn while it was being handed over is not sent again.
func TestAWithdrawnTextDoesNotComeBack(t *testing.T) {
	for _, class := range []texting.Class{texting.ClassLater, texting.ClassHalt, texting.ClassTwice, texting.ClassAmbiguous} {
		t.Run(string(class), func(t *testing.T) {
			s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
			ctx, now := t.Context(), storetest.Noon()
			take(t, s, now)
			undone := storetest.Discharge("4711", now)
			undone.Kind = followup.ChangeDischargeUndone
			storetest.Apply(t, s, undone, sqlstore.Placement{})
			_, err := s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, At: now, Err: &texting.SendError{Class: class}})
			must(t, err)
			if class == texting.ClassAmbiguous {
				must(t, s.ReleaseText(ctx, id))
			}
			if got := take(t, s, now.Add(time.Hour)); len(got) != 0 {
				t.Errorf("%d texts", len(got))
			}
		})
	}
	// One that had left is not offered: its answer would come too late.
	s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
	now := storetest.Noon()
	take(t, s, now)
	undone := storetest.Discharge("4711", now)
	undone.Kind = followup.ChangeDischargeUndone
	storetest.Apply(t, s, undone, sqlstore.Placement{})
	must(t, s.RecordSent(t.Context(), sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P"}, At: now}))
	if len(events(t, s)) != 0 || invitationState(t, s, id) != followup.InvitationWithdrawn {
		t.Errorf("%d events, invitation %s", len(events(t, s)), invitationState(t, s, id))
	}
	mustVerify(t, s)
}

// A visit whose text may have arrived is not asked about a second time.
func TestAnAmbiguousTextThatExpires(t *testing.T) {
	for _, ambiguous := range []bool{false, true} {
		s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
		ctx, now := t.Context(), storetest.Noon()
		class, want := texting.ClassLater, followup.InvitationWithdrawn
		if ambiguous {
			class, want = texting.ClassAmbiguous, followup.InvitationUndelivered
		}
		take(t, s, now)
		_, err := s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, At: now, Err: &texting.SendError{Class: class}})
		must(t, err)
		if ambiguous {
			must(t, s.ReleaseText(ctx, id))
		}
		take(t, s, now.AddDate(0, 0, 3))
		if got := invitationState(t, s, id); got != want {
			t.Errorf("ambiguous %v: invitation is %s, want %s", ambiguous, got, want)
		}
		if got := candidates(t, s, true); (len(got) == 0) != ambiguous {
			t.Errorf("ambiguous %v: %d candidates", ambiguous, len(got))
		}
		mustVerify(t, s)
	}
}

func TestGivenUpTexts(t *testing.T) {
	s, id := queued(t, filepath.Join(t.TempDir(), "qingfeng.db"))
	ctx, now := t.Context(), storetest.Noon()
	take(t, s, now)
	_, err := s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, At: now, Err: &texting.SendError{Class: texting.ClassAmbiguous}})
	must(t, err)
	must(t, s.GiveUpText(ctx, id, now))
	if list, err := s.AmbiguousTexts(ctx, now.Add(time.Hour), 9); err != nil || len(list) != 0 || invitationState(t, s, id) != followup.InvitationUndelivered {
		t.Errorf("%d are ambiguous, invitation %s, %v", len(list), invitationState(t, s, id), err)
	}
	report(t, s, texting.StatusReport{Message: id, ProviderID: "P", Status: texting.StatusDelivered})
	if got := invitationState(t, s, id); got != followup.InvitationDelivered {
		t.Errorf("after a late report: %s", got)
	}
	mustVerify(t, s)
}
