package sqlstore_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

const phone = "+8613800138000"

// change is a message about a visit of patient 4711 at so many hours after noon.
func change(kind followup.ChangeKind, hours int) followup.VisitChange {
	return followup.VisitChange{
		Source: "hl7", Message: fmt.Sprint(kind, hours), Kind: kind, Patient: "4711", Visit: "88", Inpatient: true,
		At: storetest.Noon().Add(time.Duration(hours) * time.Hour),
	}
}

func TestVisitChangesInAnyOrder(t *testing.T) {
	const admitted, discharged, cancelled = followup.VisitAdmitted, followup.VisitDischarged, followup.VisitCancelled
	for _, tt := range []struct {
		name     string
		changes  []followup.VisitChange
		outcomes []sqlstore.VisitOutcome
		want     followup.VisitState
	}{
		{"admitted and discharged", []followup.VisitChange{change(followup.ChangeAdmitted, 1), change(followup.ChangeDischarged, 2)},
			[]sqlstore.VisitOutcome{"recorded", "recorded"}, discharged},
		{"the discharge comes first", []followup.VisitChange{change(followup.ChangeDischarged, 2), change(followup.ChangeAdmitted, 1)},
			[]sqlstore.VisitOutcome{"recorded", "recorded"}, discharged}, // when they came is new
		{"the same message twice", []followup.VisitChange{change(followup.ChangeDischarged, 2), change(followup.ChangeDischarged, 2)},
			[]sqlstore.VisitOutcome{"recorded", "repeated"}, discharged},
		{"discharge undone", []followup.VisitChange{change(followup.ChangeDischarged, 2), change(followup.ChangeDischargeUndone, 3)},
			[]sqlstore.VisitOutcome{"recorded", "recorded"}, admitted},
		{"a discharge replayed after it was undone", []followup.VisitChange{change(followup.ChangeDischarged, 2),
			change(followup.ChangeDischargeUndone, 3), renamed(change(followup.ChangeDischarged, 2), "again")},
			[]sqlstore.VisitOutcome{"recorded", "recorded", "stale"}, admitted},
		{"discharged once more", []followup.VisitChange{change(followup.ChangeDischarged, 2), change(followup.ChangeDischargeUndone, 3),
			change(followup.ChangeDischarged, 4)}, []sqlstore.VisitOutcome{"recorded", "recorded", "recorded"}, discharged},
		{"admission undone", []followup.VisitChange{change(followup.ChangeAdmitted, 1), change(followup.ChangeAdmissionUndone, 2)},
			[]sqlstore.VisitOutcome{"recorded", "recorded"}, cancelled},
		{"the undoing comes before what it undoes", []followup.VisitChange{change(followup.ChangeAdmissionUndone, 2), renamed(without(change(followup.ChangeAdmitted, 1)), "a")},
			[]sqlstore.VisitOutcome{"recorded", "recorded"}, cancelled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			var got []sqlstore.VisitOutcome
			var last sqlstore.VisitApplied
			for _, c := range tt.changes {
				last = storetest.Apply(t, s, c, sqlstore.Placement{})
				got = append(got, last.Outcome)
			}
			if diff := gocmp.Diff(tt.outcomes, got); diff != "" || last.Visit.State != tt.want {
				t.Errorf("visit is %s, want %s; outcomes (-want +got):\n%s", last.Visit.State, tt.want, diff)
			}
			if found, err := s.FindVisitByNumber(t.Context(), "88"); err != nil || found != last.Visit {
				t.Errorf("found %+v %v, want %+v", found, err, last.Visit)
			}
		})
	}
}

func renamed(c followup.VisitChange, message string) followup.VisitChange {
	c.Message = message
	return c
}

func without(c followup.VisitChange) followup.VisitChange {
	c.AdmittedAt = time.Time{}
	return c
}

func TestVisitChangeRefuses(t *testing.T) {
	s := storetest.New(t)
	for _, tt := range []struct {
		name   string
		change followup.VisitChange
		want   error // nil: any
	}{
		{"no patient", followup.VisitChange{Kind: followup.ChangeAdmitted, Visit: "1"}, sqlstore.ErrNoPatientNumber},
		{"an admission without a visit's number", followup.VisitChange{Kind: followup.ChangeAdmitted, Patient: "1"}, sqlstore.ErrNoVisitNumber},
		{"a discharge of somebody who was never here", followup.VisitChange{Kind: followup.ChangeDischarged, Patient: "1"}, sqlstore.ErrNoVisitNumber},
		{"merged with nobody", followup.VisitChange{Kind: followup.ChangeMerged, Patient: "1"}, sqlstore.ErrNoPatientNumber},
		{"an unknown kind", followup.VisitChange{Kind: "abducted", Patient: "1", Visit: "1"}, nil},
	} {
		if _, err := s.ApplyVisitChange(t.Context(), tt.change, sqlstore.Placement{}); err == nil || tt.want != nil && !isErr(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// model is what a visit must be, worked out from all messages at once: of each
// thing, what the latest message says.
func model(changes []followup.VisitChange, places []sqlstore.Placement) followup.Visit {
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return changes[a].At.Compare(changes[b].At) })
	v := followup.Visit{State: followup.VisitAdmitted}
	var discharged time.Time
	var disposition followup.Disposition
	for _, n := range order {
		c, p := changes[n], places[n]
		v.Inpatient, v.Deceased = v.Inpatient || c.Inpatient, v.Deceased || c.Deceased
		if p.Place != "" {
			v.Department, v.Place, v.Bed = p.Department, p.Place, p.Bed
		}
		if !p.Phone.IsZero() {
			v.HasPhone, v.Country = true, p.Country
		}
		v.Born = cmp.Or(c.Born, v.Born)
		switch c.Kind {
		case followup.ChangeAdmitted:
			v.State, v.AdmittedAt = followup.VisitAdmitted, c.At.UTC()
		case followup.ChangeDischarged:
			v.State, discharged, disposition = followup.VisitDischarged, c.At.UTC(), c.Disposition
		case followup.ChangeDischargeUndone:
			v.State = followup.VisitAdmitted
		case followup.ChangeAdmissionUndone:
			v.State = followup.VisitCancelled
		}
	}
	if v.State == followup.VisitDischarged {
		v.DischargedAt, v.Disposition = discharged, disposition
		v.Deceased = v.Deceased || disposition == followup.DispositionDeceased
	}
	return v
}

// Messages in any order, with any of them repeated, leave what the model says.
func TestVisitChangesFollowAModel(t *testing.T) {
	const seed = 20261122
	r := rand.New(rand.NewPCG(seed, 3))
	kinds := []followup.ChangeKind{
		followup.ChangeAdmitted, followup.ChangeTransferred, followup.ChangeDischarged, followup.ChangeDischarged, followup.ChangeUpdated,
		followup.ChangeAdmissionUndone, followup.ChangeDischargeUndone, followup.ChangeTransferUndone,
	}
	dispositions := []followup.Disposition{followup.DispositionHome, followup.DispositionTransferred, followup.DispositionUnknown, followup.DispositionDeceased}
	s := storetest.New(t)
	for round := range 60 {
		var changes []followup.VisitChange
		var places []sqlstore.Placement
		for i := range 2 + r.IntN(6) {
			c := change(kinds[r.IntN(len(kinds))], i)
			c.Patient, c.Visit = followup.PatientNumber(fmt.Sprint("p", round)), followup.VisitNumber(fmt.Sprint("v", round))
			c.Inpatient, c.Deceased = r.IntN(4) > 0, r.IntN(12) == 0
			if c.Kind == followup.ChangeDischarged {
				c.Disposition = dispositions[r.IntN(len(dispositions))]
			}
			if r.IntN(3) == 0 {
				c.Born = 19700101 + surveys.Day(r.IntN(28))
			}
			p := sqlstore.Placement{}
			if r.IntN(2) == 0 {
				p.Department, p.Place, p.Bed = "cardiology", surveys.PlaceID(fmt.Sprint("ward-", r.IntN(3))), surveys.BedID(fmt.Sprint(r.IntN(9)))
			}
			if r.IntN(3) == 0 {
				p.Phone, p.Country = texting.NumberOf(fmt.Sprint("+86138000000", r.IntN(90)+10)), texting.Country([]string{"CN", "HK"}[r.IntN(2)])
			}
			changes, places = append(changes, c), append(places, p)
		}
		order := r.Perm(len(changes))
		for _, n := range append(order, order[:r.IntN(len(order))]...) {
			storetest.Apply(t, s, changes[n], places[n])
		}
		got, err := s.FindVisitByNumber(t.Context(), changes[0].Visit)
		must(t, err)
		want := model(changes, places)
		want.ID, want.Patient = got.ID, got.Patient
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d round %d, order %v (-model +store):\n%s", seed, round, order, diff)
		}
	}
	mustVerify(t, s)
}

// Whatever says that a patient must not be asked takes back what waits to be
// sent, in its own transaction.
func TestVisitChangesWithdrawWhatIsQueued(t *testing.T) {
	now := storetest.Noon()
	base := func(kind followup.ChangeKind) followup.VisitChange {
		c := storetest.Discharge("4711", now)
		c.Kind, c.Disposition, c.AdmittedAt, c.DischargedAt = kind, "", time.Time{}, time.Time{}
		return c
	}
	other := base(followup.ChangeAdmitted)
	other.Visit = "another stay"
	outpatient := other
	outpatient.Inpatient = false
	earlier := other
	earlier.At = now.AddDate(0, -6, 0)
	dead := base(followup.ChangeReportedDeceased)
	dead.Visit = ""
	elsewhere := base(followup.ChangeDischarged)
	elsewhere.Disposition, elsewhere.DischargedAt = followup.DispositionTransferred, now.AddDate(0, 0, -2)
	died := elsewhere
	died.Disposition = followup.DispositionDeceased
	child := base(followup.ChangeUpdated)
	child.Born = 20200101
	for _, tt := range []struct {
		name   string
		change followup.VisitChange
		at     sqlstore.Placement
		want   bool // withdrawn
	}{
		{"admission undone", base(followup.ChangeAdmissionUndone), sqlstore.Placement{}, true},
		{"discharge undone", base(followup.ChangeDischargeUndone), sqlstore.Placement{}, true},
		{"admitted again", other, sqlstore.Placement{}, true},
		{"seen as an outpatient", outpatient, sqlstore.Placement{}, false},
		{"an earlier stay told late", earlier, sqlstore.Placement{}, false},
		{"reported dead", dead, sqlstore.Placement{}, true},
		{"died at discharge", died, sqlstore.Placement{}, true},
		{"went to another hospital", elsewhere, sqlstore.Placement{}, true},
		{"a new number", base(followup.ChangeUpdated), sqlstore.Placement{Phone: texting.NumberOf("+8613900139000"), Country: "CN"}, true},
		{"turns out to be a child", child, sqlstore.Placement{}, true},
		{"the same number again", base(followup.ChangeUpdated), sqlstore.Placement{Phone: texting.NumberOf(phone), Country: "CN"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			storetest.PublishForm(t, s)
			v := storetest.Apply(t, s, storetest.Discharge("4711", now.AddDate(0, 0, -2)), storetest.Ward(phone)).Visit
			inv := storetest.Invitation(1, v.ID, now)
			got, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{inv})
			if err != nil || got[0] != sqlstore.Queued {
				t.Fatalf("queued: %v %v", got, err)
			}
			done := storetest.Apply(t, s, tt.change, tt.at)
			if (len(done.Withdrawn) == 1) != tt.want {
				t.Errorf("withdrawn: %v, want %v", done.Withdrawn, tt.want)
			}
			sent := storetest.Send(t, s, now.Add(time.Hour))
			found, err := s.FindInvitation(t.Context(), inv.Invitation.ID)
			must(t, err)
			if (found.Invitation.State == followup.InvitationWithdrawn) != tt.want || (len(sent) == 0) != tt.want {
				t.Errorf("invitation is %s and %d texts left, want it withdrawn: %v", found.Invitation.State, len(sent), tt.want)
			}
			again, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(2, v.ID, now)})
			must(t, err)
			want := map[bool]sqlstore.QueueOutcome{false: sqlstore.QueueExists, true: sqlstore.QueueIneligible}[tt.want]
			switch tt.name {
			case "a new number":
				want = sqlstore.Queued
			case "turns out to be a child":
				want = sqlstore.QueueNoNumber
			}
			if again[0] != want {
				t.Errorf("queueing once more: %s, want %s", again[0], want)
			}
			mustVerify(t, s)
		})
	}
}

// A visit that was discharged again after the discharge was undone is asked about.
func TestDischargedAgainIsInvitedAgain(t *testing.T) {
	s, now := storetest.New(t), storetest.Noon()
	storetest.PublishForm(t, s)
	first := storetest.Discharge("4711", now.AddDate(0, 0, -3))
	v := storetest.Apply(t, s, first, storetest.Ward(phone)).Visit
	_, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(1, v.ID, now)})
	must(t, err)
	undone := first
	undone.Kind, undone.At = followup.ChangeDischargeUndone, now.AddDate(0, 0, -2)
	storetest.Apply(t, s, undone, sqlstore.Placement{})
	if got := candidates(t, s, false); len(got) != 0 {
		t.Errorf("a visit that goes on is a candidate: %+v", got)
	}
	storetest.Apply(t, s, storetest.Discharge("4711", now.AddDate(0, 0, -1)), sqlstore.Placement{})
	got := candidates(t, s, true)
	if len(got) != 1 || got[0].Invitation != "" || !got[0].LastInvitedAt.IsZero() {
		t.Fatalf("candidates: %+v, want the visit, never invited", got)
	}
	outcome, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(2, v.ID, now)})
	if err != nil || outcome[0] != sqlstore.Queued {
		t.Errorf("queued: %v %v", outcome, err)
	}
}

func candidates(t *testing.T, s *sqlstore.Store, uninvited bool) (list []sqlstore.Candidate) {
	t.Helper()
	w := sqlstore.CandidateWindow{From: storetest.Noon().AddDate(0, 0, -42), To: storetest.Noon().AddDate(0, 0, 1), Uninvited: uninvited}
	must(t, s.Candidates(t.Context(), w, func(c *sqlstore.Candidate) error { list = append(list, *c); return nil }))
	return list
}

// A merge makes one person of two, in any order, however often it comes, also
// the other way round.
func TestMerge(t *testing.T) {
	merge := func(patient, prior followup.PatientNumber, hours int) followup.VisitChange {
		return followup.VisitChange{Source: "hl7", Kind: followup.ChangeMerged, Patient: patient, Prior: prior, At: storetest.Noon().Add(time.Duration(hours) * time.Hour)}
	}
	for _, tt := range []struct {
		name  string
		order []string
	}{
		{"after everything", []string{"a", "b", "m"}},
		{"before everything", []string{"m", "a", "b"}},
		{"in between", []string{"a", "m", "b"}},
		{"repeated and circular", []string{"m", "a", "back", "b", "m", "again", "back"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, now := storetest.New(t), storetest.Noon()
			for _, step := range tt.order {
				switch step {
				case "a":
					storetest.Apply(t, s, storetest.Discharge("new", now.AddDate(0, 0, -3)), storetest.Ward(phone))
				case "b":
					storetest.Apply(t, s, storetest.Discharge("old", now.AddDate(0, -3, 0)), storetest.Ward("+8613900139000"))
				case "m":
					storetest.Apply(t, s, merge("new", "old", 0), sqlstore.Placement{})
				case "again":
					storetest.Apply(t, s, merge("new", "old", 1), sqlstore.Placement{})
				case "back":
					storetest.Apply(t, s, merge("old", "new", 2), sqlstore.Placement{})
				}
			}
			a, err := s.FindVisitByNumber(t.Context(), "Vnew")
			must(t, err)
			b, err := s.FindVisitByNumber(t.Context(), "Vold")
			must(t, err)
			if a.Patient != b.Patient || !a.HasPhone {
				t.Errorf("visits are of %d and %d, want one person with a number", a.Patient, b.Patient)
			}
			var index []byte
			must(t, s.Ask(t.Context(), &index, "SELECT phone_index FROM patients WHERE id = ?", int64(a.Patient)))
			var same bool
			must(t, s.Ask(t.Context(), &same, "SELECT count(*) = 1 FROM patients WHERE merged_into = 0 AND id = ?", int64(a.Patient)))
			if !same {
				t.Error("the visits belong to a person who was merged away")
			}
			mustVerify(t, s)
		})
	}
}

// What one of two people decided, and when that one was asked, holds for the
// person they turn out to be.
func TestMergeKeepsOptOutsAndCoolDowns(t *testing.T) {
	s, now := storetest.New(t), storetest.Noon()
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "old", "+8613900139000", now.AddDate(0, 0, -20))
	must(t, s.OptOut(t.Context(), texting.NumberOf("+8613900139000"), "desk", admin))
	storetest.Apply(t, s, storetest.Discharge("new", now.AddDate(0, 0, -2)), storetest.Ward(phone))
	before := candidates(t, s, true)
	if len(before) != 1 || before[0].OptedOut || !before[0].LastInvitedAt.IsZero() {
		t.Fatalf("before the merge: %+v", before)
	}
	storetest.Apply(t, s, followup.VisitChange{Kind: followup.ChangeMerged, Patient: "new", Prior: "old", At: now}, sqlstore.Placement{})
	after := candidates(t, s, true)
	found, err := s.FindInvitation(t.Context(), id)
	must(t, err)
	if len(after) != 1 || !after[0].OptedOut || !after[0].LastInvitedAt.Equal(found.Invitation.SentAt) {
		t.Errorf("after the merge: %+v, want opted out and invited at %s", after, found.Invitation.SentAt)
	}
	got, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(2, after[0].Visit.ID, now)})
	if err != nil || got[0] != sqlstore.QueueOptedOut {
		t.Errorf("queued: %v %v, want opted out", got, err)
	}
	must(t, s.OptIn(t.Context(), texting.NumberOf("+8613900139000"), "desk", admin))
	if got := candidates(t, s, true); got[0].OptedOut {
		t.Error("still opted out after it was undone")
	}
}

// Under fourteen at discharge only the guardian's number counts.
func TestChildrenAreAskedThroughTheirGuardians(t *testing.T) {
	now := storetest.Noon() // 2026-11-21
	for _, tt := range []struct {
		name            string
		born            surveys.Day
		phone, guardian string
		want            texting.Country // empty: no number
	}{
		{"grown up", 19700101, "+8613800138000", "+85291234567", "CN"},
		{"fourteen today", 20121121, "+8613800138000", "+85291234567", "CN"},
		{"fourteen tomorrow", 20121122, "+8613800138000", "+85291234567", "HK"},
		{"a child without a guardian's number", 20200101, "+8613800138000", "", ""},
		{"of unknown age", 0, "+8613800138000", "+85291234567", "CN"},
		{"grown up, only the guardian's number", 19700101, "", "+85291234567", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			storetest.PublishForm(t, s)
			c := storetest.Discharge("4711", now)
			c.Born = tt.born
			p := sqlstore.Placement{Department: "cardiology", Place: "ward-3", Phone: texting.NumberOf(tt.phone), Country: "CN",
				Guardian: texting.NumberOf(tt.guardian), GuardianCountry: "HK"}
			v := storetest.Apply(t, s, c, p).Visit
			if v.Country != tt.want || v.HasPhone != (tt.want != "") {
				t.Errorf("number of %q (%v), want %q", v.Country, v.HasPhone, tt.want)
			}
			got, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(1, v.ID, now)})
			must(t, err)
			if (got[0] == sqlstore.QueueNoNumber) != (tt.want == "") {
				t.Errorf("queued: %s", got[0])
			}
			taken, err := s.TakeTexts(t.Context(), sqlstore.Take{Now: now, Limit: 9, Routes: []sqlstore.Route{{Country: "CN"}, {Country: "HK"}}})
			must(t, err)
			to := map[texting.Country]string{"CN": tt.phone, "HK": tt.guardian}[tt.want]
			for _, x := range taken.Texts {
				if x.Message.To.E164() != to {
					t.Error("the text goes to the other number")
				}
			}
			if (len(taken.Texts) == 1) != (tt.want != "") {
				t.Errorf("%d texts", len(taken.Texts))
			}
		})
	}
}

func TestRejectedMessagesAndUnknownPlaces(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	payload := []byte("MSH|^~\\&|ADT\rPID|1||4711||张三")
	for range 2 {
		must(t, s.KeepRejected(ctx, sqlstore.Rejected{Source: "hl7", Reason: "PV1-19 is missing", Payload: payload, At: storetest.Noon()}))
	}
	list, err := s.RejectedMessages(ctx, true)
	must(t, err)
	if len(list) != 1 || list[0].Times != 2 || list[0].Reason != "PV1-19 is missing" {
		t.Fatalf("rejected: %+v, want one that came twice", list)
	}
	if got, err := s.OpenRejected(ctx, list[0].ID, admin); err != nil || string(got) != string(payload) {
		t.Errorf("opened %q, %v", got, err)
	}
	must(t, s.ResolveRejected(ctx, list[0].ID, "asked the HIS", admin))
	if err := s.ResolveRejected(ctx, list[0].ID, "", admin); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("resolving twice: %v", err)
	}
	if n, err := s.CountRejected(ctx); n != 0 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	must(t, s.KeepRejected(ctx, sqlstore.Rejected{Source: "hl7", Reason: "PV1-19 is missing", Payload: payload}))
	if n, err := s.CountRejected(ctx); n != 1 || err != nil {
		t.Errorf("%d wait after it came again, %v", n, err)
	}

	lost := storetest.Discharge("4711", storetest.Noon())
	v := storetest.Apply(t, s, lost, sqlstore.Placement{UnknownPlace: "W99"}).Visit
	if v.Place != "" {
		t.Errorf("the visit is at %q", v.Place)
	}
	places, err := s.UnknownPlaces(ctx)
	must(t, err)
	if len(places) != 1 || places[0].Code != "W99" || places[0].Count != 1 {
		t.Errorf("unknown places: %+v", places)
	}
	// Once the ward is mapped the same message places the visit.
	if v := storetest.Apply(t, s, lost, storetest.Ward(phone)).Visit; v.Place != "ward-3" {
		t.Errorf("after mapping the visit is at %q", v.Place)
	}
	must(t, s.ForgetUnknownPlace(ctx, "hl7", "W99", admin))
	if places, err = s.UnknownPlaces(ctx); err != nil || len(places) != 0 {
		t.Errorf("unknown places: %+v, %v", places, err)
	}
}
