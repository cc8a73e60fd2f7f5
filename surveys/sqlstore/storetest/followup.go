package storetest

import (
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// Form is a survey after discharge: an overall grade, two scored questions, the
// envelope question and a comment.
func Form() *followup.Form {
	text := func(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }
	grades := make([]followup.Choice, 5)
	for i := range grades {
		grades[i] = followup.Choice{Value: i + 1, Text: surveys.Grade(i + 1).Text()}
	}
	four := []followup.Choice{
		{Value: 1, Text: text("从不", "Never")}, {Value: 2, Text: text("有时", "Sometimes")}, {Value: 3, Text: text("经常", "Usually")},
		{Value: 4, Text: text("总是", "Always")}, {Value: followup.NotApplicable, Text: text("不适用", "Not applicable")},
	}
	return &followup.Form{
		ID: "discharge-test", Revision: 1, Title: text("出院随访", "After discharge"),
		Questions: []followup.Question{
			{ID: "overall", Kind: followup.QuestionScale, Text: text("总体", "Overall"), Short: text("总体", "Overall"), Choices: grades, Low: 1, High: 5, Overall: true},
			{ID: "nurses", Kind: followup.QuestionScale, Text: text("护士", "Nurses"), Short: text("护士", "Nurses"), Choices: four, Low: 1, High: 4},
			{ID: "food", Kind: followup.QuestionScale, Text: text("伙食", "Food"), Short: text("伙食", "Food"), Choices: four, Low: 1, High: 4},
			{ID: "envelope", Kind: followup.QuestionEnvelope, Text: text("红包", "Red envelope")},
			{ID: "comment", Kind: followup.QuestionText, Text: text("留言", "Comment"), Optional: true, MaxLength: 500},
		},
	}
}

// PublishForm publishes Form and gives its version.
func PublishForm(tb testing.TB, s *sqlstore.Store) surveys.VersionID {
	tb.Helper()
	f := Form()
	if err := s.PublishForm(tb.Context(), f); err != nil {
		tb.Fatalf("publish form: %v", err)
	}
	return f.Version()
}

// Discharge is the message that a stay in ward-3 ended at the moment at. The
// visit's number is made of the patient's.
func Discharge(patient followup.PatientNumber, at time.Time) followup.VisitChange {
	return followup.VisitChange{
		Source: "hl7", Kind: followup.ChangeDischarged, At: at, Patient: patient, Visit: "V" + patient, Inpatient: true,
		AdmittedAt: at.AddDate(0, 0, -5), DischargedAt: at, Disposition: followup.DispositionHome,
	}
}

// Ward places a change in ward-3, with the patient's number.
func Ward(phone string) sqlstore.Placement {
	return sqlstore.Placement{Department: "cardiology", Place: "ward-3", Bed: "1", Phone: texting.NumberOf(phone), Country: "CN"}
}

// Apply applies a change and gives what it did.
func Apply(tb testing.TB, s *sqlstore.Store, c followup.VisitChange, at sqlstore.Placement) sqlstore.VisitApplied {
	tb.Helper()
	done, err := s.ApplyVisitChange(tb.Context(), c, at)
	if err != nil {
		tb.Fatalf("apply %s: %v", c.Kind, err)
	}
	return done
}

// Invitation asks about a visit in reply mode, numbered n: due at the moment
// at, for a week. Its first text has the same id.
func Invitation(n uint64, visit followup.VisitID, at time.Time) sqlstore.NewInvitation {
	id := ID(at, n)
	hash := [32]byte{1}
	copy(hash[16:], id[:])
	return sqlstore.NewInvitation{
		Invitation: followup.Invitation{
			ID: id, Visit: visit, Form: Form().Version(), Mode: surveys.ModeReply, Language: "zh", DueAt: at, ClosesAt: at.AddDate(0, 0, 7),
		},
		TokenHash: hash,
		Text: sqlstore.NewText{Segments: 1, Message: texting.Message{
			ID: id, Purpose: texting.PurposeInvite, Language: "zh", Body: "【测试医院】请回复1至5", ValidFor: 48 * time.Hour,
			Variables: []texting.Variable{{Name: "code", Value: "135790"}},
		}},
	}
}

// Invited discharges a patient with a number, invites and lets a carrier take
// the text at the moment at. It gives the invitation's id, which is also the
// text's.
func Invited(tb testing.TB, s *sqlstore.Store, n uint64, patient followup.PatientNumber, phone string, at time.Time) followup.InvitationID {
	tb.Helper()
	v := Apply(tb, s, Discharge(patient, at.AddDate(0, 0, -2)), Ward(phone)).Visit
	inv := Invitation(n, v.ID, at)
	got, err := s.QueueInvitations(tb.Context(), []sqlstore.NewInvitation{inv})
	if err != nil || got[0] != sqlstore.Queued {
		tb.Fatalf("queue invitation: %v %v", got, err)
	}
	Send(tb, s, at)
	return inv.Invitation.ID
}

// Send takes every due text at the moment at and lets the carrier "test" accept
// it under the text's own id. It gives the texts.
func Send(tb testing.TB, s *sqlstore.Store, at time.Time) []sqlstore.TakenText {
	tb.Helper()
	taken, err := s.TakeTexts(tb.Context(), sqlstore.Take{Now: at, Limit: 1000, Routes: []sqlstore.Route{{Country: "CN", Carrier: "test", PerSegment: 5}}})
	if err != nil {
		tb.Fatalf("take texts: %v", err)
	}
	for _, x := range taken.Texts {
		id := x.Message.ID
		err := s.RecordSent(tb.Context(), sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: "P" + id.String(), Status: texting.StatusQueued}, At: at})
		if err != nil {
			tb.Fatalf("record sent: %v", err)
		}
	}
	return taken.Texts
}

// Receive keeps a text from a number, numbered n, and gives its id.
func Receive(tb testing.TB, s *sqlstore.Store, n string, from, body string, at time.Time) sqlstore.InboundID {
	tb.Helper()
	id, _, err := s.RecordInbound(tb.Context(), texting.Inbound{
		Carrier: "test", ProviderID: n, From: texting.NumberOf(from), To: texting.NumberOf("+8610690000"), Body: surveys.Secret(body), ReceivedAt: at,
	})
	if err != nil {
		tb.Fatalf("record inbound: %v", err)
	}
	return id
}
