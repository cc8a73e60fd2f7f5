package sqlstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore/storetest"
)

// A writer that never rests must not make the log longer and longer: no
// checkpoint ever finds it standing still.
func TestLogStartsOverUnderSteadyWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	const commits, bound = 3000, 24 << 20
	for n := range uint64(commits) {
		if outcome, err := s.Record(context.Background(), storetest.Rating(n+1, storetest.Noon(), surveys.Satisfied)); err != nil || outcome != surveys.OutcomeStored {
			t.Fatalf("record rating %d: %s, %v", n, outcome, err)
		}
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if log.Size() > bound {
		t.Errorf("after %d commits without a pause the log has %d MB, want at most %d", commits, log.Size()>>20, bound>>20)
	}
}
