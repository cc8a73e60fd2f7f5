package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// numberless is a change as hospital systems send it after a merge or an
// undoing: no number of the visit, no place, and the class of an outpatient.
func numberless(kind followup.ChangeKind, hours int) followup.VisitChange {
	c := change(kind, hours)
	c.Visit, c.Inpatient = "", false
	return c
}

// numbered is a change of the visit with a number, so many hours after noon.
func numbered(visit followup.VisitNumber, kind followup.ChangeKind, hours int) followup.VisitChange {
	c := change(kind, hours)
	c.Visit, c.Message = visit, fmt.Sprint(visit, kind, hours)
	return c
}

func TestWhichVisitIsMeant(t *testing.T) {
	const in, out, undone, never = followup.ChangeAdmitted, followup.ChangeDischarged, followup.ChangeDischargeUndone, followup.ChangeAdmissionUndone
	stay := func(visit followup.VisitNumber, from, to int) []followup.VisitChange {
		return []followup.VisitChange{numbered(visit, in, from), numbered(visit, out, to)}
	}
	two := append(stay("a", 1, 2), stay("b", 3, 4)...)
	open := append(slices.Clone(two), numbered("c", in, 5))
	gone := append(slices.Clone(two), numbered("c", in, 5), numbered("c", never, 6))
	for _, tt := range []struct {
		name   string
		before []followup.VisitChange
		change followup.VisitChange
		visit  followup.VisitNumber // empty: none
		want   followup.VisitState  // of it, afterwards; empty: ErrNoVisitNumber
	}{
		{"the newest discharge is undone", two, numberless(undone, 9), "b", followup.VisitAdmitted},
		{"that of a stay before the one that goes on", open, numberless(undone, 9), "b", followup.VisitAdmitted},
		{"the stay that goes on is discharged", open, numberless(out, 9), "c", followup.VisitDischarged},
		{"its admission is undone", open, numberless(never, 9), "c", followup.VisitCancelled},
		{"it is transferred", open, numberless(followup.ChangeTransferred, 9), "c", followup.VisitAdmitted},
		{"it is updated", open, numberless(followup.ChangeUpdated, 9), "c", followup.VisitAdmitted},
		{"what was cancelled is not updated", gone, numberless(followup.ChangeUpdated, 9), "b", followup.VisitDischarged},
		{"an update of somebody new", nil, numberless(followup.ChangeUpdated, 9), "", followup.VisitCancelled},
		{"a transfer of somebody who is gone", two, numberless(followup.ChangeTransferred, 9), "", ""},
		{"an admission undone of somebody who is gone", two, numberless(never, 9), "", ""},
		{"a discharge long after the last", two, numberless(out, 24*30), "", ""},
		{"an undoing before everybody came", open, numberless(undone, 0), "", ""},
		{"a discharge before the newest came", open, numberless(out, 4), "b", followup.VisitDischarged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			for _, c := range tt.before {
				storetest.Apply(t, s, c, storetest.Ward(phone))
			}
			done, err := s.ApplyVisitChange(t.Context(), tt.change, sqlstore.Placement{})
			if tt.want == "" {
				if !isErr(err, sqlstore.ErrNoVisitNumber) {
					t.Errorf("%+v, %v, want ErrNoVisitNumber", done, err)
				}
				return
			}
			must(t, err)
			if tt.visit == "" {
				if done.Visit.ID != 0 {
					t.Errorf("visit %d, want none", done.Visit.ID)
				}
				return
			}
			want, err := s.FindVisitByNumber(t.Context(), tt.visit)
			must(t, err)
			if done.Visit != want || done.Visit.State != tt.want || done.Created {
				t.Errorf("applied to %+v, want %s to be %s", done.Visit, tt.visit, tt.want)
			}
			if !done.Visit.Inpatient || done.Visit.Place != "ward-3" {
				t.Errorf("it is now in %q, inpatient %v", done.Visit.Place, done.Visit.Inpatient)
			}
			again, err := s.ApplyVisitChange(t.Context(), renamed(tt.change, "again"), sqlstore.Placement{})
			if err != nil || again.Outcome == sqlstore.VisitRecorded {
				t.Errorf("the same under another id: %s, %v", again.Outcome, err)
			}
		})
	}
}

// A discharge, its undoing and another discharge leave the same in any order,
// as long as somebody has come at all.
func TestChangesWithoutNumberInAnyOrder(t *testing.T) {
	all := []followup.VisitChange{
		numbered("88", followup.ChangeDischarged, 2), numberless(followup.ChangeDischargeUndone, 3),
		numberless(followup.ChangeDischarged, 4), numberless(followup.ChangeDischargeUndone, 5), numberless(followup.ChangeUpdated, 6),
	}
	const seed = 20261122
	r, s := rand.New(rand.NewPCG(seed, 5)), storetest.New(t)
	for round := range 150 {
		upTo := all[:1+round%len(all)]
		order := r.Perm(len(upTo))
		apply := func(c followup.VisitChange) {
			c.Patient = followup.PatientNumber(fmt.Sprint("p", round))
			if c.Visit != "" {
				c.Visit = followup.VisitNumber(fmt.Sprint("v", round))
			}
			storetest.Apply(t, s, c, sqlstore.Placement{})
		}
		apply(numbered("88", followup.ChangeAdmitted, 1))
		for _, i := range append(order, order[:r.IntN(len(order))]...) {
			apply(upTo[i])
		}
		want := map[bool]followup.VisitState{true: followup.VisitAdmitted, false: followup.VisitDischarged}[len(upTo) == 2 || len(upTo) > 3]
		v, err := s.FindVisitByNumber(t.Context(), followup.VisitNumber(fmt.Sprint("v", round)))
		must(t, err)
		if v.State != want || !v.Inpatient {
			t.Fatalf("seed %d: %d changes in the order %v: %+v, want %s", seed, len(upTo), order, v, want)
		}
	}
}

// An undoing without a number takes back what is queued, after a merge too.
func TestUndoingWithoutNumberWithdraws(t *testing.T) {
	s, now := storetest.New(t), storetest.Noon()
	storetest.PublishForm(t, s)
	v := storetest.Apply(t, s, storetest.Discharge("old", now.AddDate(0, 0, -2)), storetest.Ward(phone)).Visit
	_, err := s.QueueInvitations(t.Context(), []sqlstore.NewInvitation{storetest.Invitation(1, v.ID, now)})
	must(t, err)
	storetest.Apply(t, s, followup.VisitChange{Kind: followup.ChangeMerged, Patient: "new", Prior: "old", At: now.Add(-time.Hour)}, sqlstore.Placement{})
	done := storetest.Apply(t, s, followup.VisitChange{Kind: followup.ChangeDischargeUndone, Patient: "new", At: now}, sqlstore.Placement{})
	if len(done.Withdrawn) != 1 || done.Visit.ID != v.ID {
		t.Errorf("withdrawn %v of visit %d, want the invitation of %d", done.Withdrawn, done.Visit.ID, v.ID)
	}
	if sent := storetest.Send(t, s, now.Add(time.Hour)); len(sent) != 0 {
		t.Errorf("%d texts left", len(sent))
	}
	mustVerify(t, s)
}
