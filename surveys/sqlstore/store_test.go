package sqlstore_test

import (
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore/storetest"
)

func TestSeedFoldVerify(t *testing.T) {
	s := storetest.New(t)
	start := time.Now()
	const n = 20_000
	if err := storetest.Seed(t.Context(), s, storetest.SeedOptions{Ratings: n, Days: 30, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d ratings in %v, %+v", n, time.Since(start), s.Stats())
	for _, from := range []surveys.Day{0, 20261119, 20270101} {
		var sum int64
		mark, err := s.Fold(t.Context(), from, func(_ *surveys.Event, k int64) error { sum += k; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if sum != n || mark != n {
			t.Errorf("from %d: folded %d events, watermark %d, want %d", from, sum, mark, n)
		}
	}
	report, err := s.Verify(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("verify: %v, %+v", err, report)
	}
}
