package storetest_test

import (
	"path/filepath"
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

func TestBulkLeavesAStoreWithNothingWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s, err := sqlstore.Open(t.Context(), storetest.Options(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PublishQuestionnaire(t.Context(), storetest.Questionnaire()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const answers = 5_000
	err = storetest.Bulk(t.Context(), path, storetest.BulkOptions{
		Answers: answers, Days: 7, Until: surveys.DayOf(storetest.Noon(), storetest.Zone()), Zone: storetest.Zone(),
		Places: storetest.Organisation().Places, Questionnaire: storetest.Questionnaire(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s = storetest.Open(t, path)
	report, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Ratings != answers || report.Events != answers {
		t.Errorf("got %+v, want %d ratings and nothing wrong", report, answers)
	}
	outcome, err := s.Record(t.Context(), storetest.Rating(1, storetest.Noon(), surveys.VerySatisfied))
	if err != nil || outcome != surveys.OutcomeStored {
		t.Errorf("a rating after Bulk: %q %v, want it stored", outcome, err)
	}
	if last, err := s.LastSequence(t.Context()); err != nil || last != answers+1 {
		t.Errorf("last sequence %d %v, want %d", last, err, answers+1)
	}
}
