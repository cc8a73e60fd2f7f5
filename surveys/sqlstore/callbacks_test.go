package sqlstore_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// A call-back knows the business its rating was about, wherever it is read.
func TestACallbackKnowsItsTransaction(t *testing.T) {
	named := storetest.Prompt(11, storetest.Noon(), "88121")
	unnamed := storetest.Prompt(12, storetest.Noon(), "88122")
	unnamed.Transaction.Kind, unnamed.Transaction.Staff = surveys.WindowDischarge, ""
	tests := []struct {
		name   string
		prompt *surveys.Prompt // nil: nobody asked
		kind   surveys.WindowKind
		staff  surveys.StaffID
	}{
		{"asked about a member of staff's work", &named, surveys.WindowSettlement, "1024"},
		{"asked, nobody named", &unnamed, surveys.WindowDischarge, ""},
		{"not asked", nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			// Another transaction of the window, which nothing below may show.
			_, _, err := s.CreatePrompt(t.Context(), storetest.Prompt(13, storetest.Noon(), "other"))
			must(t, err)
			rating := storetest.Rating(1, storetest.Noon(), surveys.VeryDissatisfied)
			if tt.prompt != nil {
				_, _, err := s.CreatePrompt(t.Context(), *tt.prompt)
				must(t, err)
				rating.Prompt = tt.prompt.ID
			}
			record(t, s, rating)
			list, err := s.Callbacks(t.Context(), sqlstore.CallbackFilter{})
			must(t, err)
			if len(list) != 1 {
				t.Fatalf("%d call-backs, want 1", len(list))
			}
			found, err := s.FindCallback(t.Context(), list[0].ID)
			must(t, err)
			closed, err := s.CloseCallback(t.Context(), list[0].ID, registers.CallbackReached, "", true, admin)
			must(t, err)
			for how, c := range map[string]sqlstore.Callback{"listed": list[0], "found": found, "closed": closed} {
				if c.Kind != tt.kind || c.Staff != tt.staff {
					t.Errorf("%s: kind %q of staff %q, want %q of %q", how, c.Kind, c.Staff, tt.kind, tt.staff)
				}
			}
		})
	}
}

// The done are listed as they were closed, whenever they were opened, and the
// same in pages of any size.
func TestDoneCallbacksComeAsTheyWereClosed(t *testing.T) {
	now := storetest.Noon()
	s := storetest.New(t, func(o *sqlstore.Options) { o.Now = func() time.Time { return now } })
	for n := range uint64(5) {
		record(t, s, storetest.Rating(n+1, storetest.Noon(), surveys.VeryDissatisfied))
	}
	closing := []struct {
		id    registers.CallbackID
		after time.Duration // since the one before
	}{{4, 0}, {1, 13 * time.Hour}, {5, 0}, {2, time.Millisecond}} // 3 stays open; 1 and 5 at one moment of the next day
	for _, c := range closing {
		now = now.Add(c.after)
		_, err := s.CloseCallback(t.Context(), c.id, registers.CallbackReached, "", true, admin)
		must(t, err)
	}
	want := []registers.CallbackID{2, 5, 1, 4}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []registers.CallbackID
		f := sqlstore.CallbackFilter{State: registers.CallbackDone, Limit: limit}
		for range len(want) + 1 {
			page, err := s.Callbacks(t.Context(), f)
			must(t, err)
			for _, c := range page {
				got = append(got, c.ID)
				f.After = c.ID
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}
