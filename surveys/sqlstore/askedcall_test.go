package sqlstore_test

import (
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// Whoever leaves a number is called, whatever the grade, and once.
func TestANumberLeftOpensACallback(t *testing.T) {
	detail := func(n int, rating surveys.FactID, phone surveys.Secret) *surveys.RatingDetail {
		now := storetest.Noon()
		return &surveys.RatingDetail{ID: storetest.ID(now, uint64(100+n)), Rating: rating, Comment: "请回电", Phone: phone,
			Origin: surveys.Origin{ClientAt: now, OccurredAt: now, ReceivedAt: now}}
	}
	tests := []struct {
		name  string
		grade surveys.Grade
		phone surveys.Secret
		early bool // the detail arrives before its rating
		want  int
	}{
		{"satisfied with a number", 5, "13900001234", false, 1},
		{"satisfied with a number that came first", 5, "13900001234", true, 1},
		{"satisfied without a number", 5, "", false, 0},
		{"dissatisfied with a number", 1, "13900001234", false, 1},
		{"dissatisfied with a number that came first", 1, "13900001234", true, 1},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			rating := storetest.Rating(uint64(n+1), storetest.Noon(), tt.grade)
			facts := []surveys.Fact{rating, detail(n, rating.ID, tt.phone)}
			if tt.early {
				facts[0], facts[1] = facts[1], facts[0]
			}
			for _, f := range facts {
				record(t, s, f)
			}
			list, err := s.Callbacks(t.Context(), sqlstore.CallbackFilter{State: registers.CallbackOpen})
			must(t, err)
			if len(list) != tt.want {
				t.Fatalf("%d call-backs are open, want %d", len(list), tt.want)
			}
			if tt.want == 1 && (list[0].Rating != rating.ID || list[0].Grade != tt.grade || !list[0].HasPhone || list[0].DueOn <= list[0].OpenedOn) {
				t.Errorf("call-back is %+v", list[0])
			}
			report, err := s.Verify(t.Context())
			must(t, err)
			if !report.OK() {
				t.Errorf("verify found %v", report.Problems)
			}
		})
	}
}
