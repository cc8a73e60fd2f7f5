package sqlstore_test

import (
	"path/filepath"
	"testing"

	"qingfeng/surveys/sqlstore/storetest"
)

func TestAPauseOutlivesTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	for _, step := range []struct{ set, want bool }{{false, false}, {true, true}, {true, true}, {false, false}} {
		s := storetest.Open(t, path)
		if err := s.PauseFollowup(t.Context(), step.set); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = storetest.Open(t, path)
		got, err := s.FollowupPaused(t.Context())
		if err != nil || got != step.want {
			t.Errorf("paused %t: got %t, %v", step.set, got, err)
		}
	}
}
