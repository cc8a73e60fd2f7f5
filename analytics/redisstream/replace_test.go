package redisstream

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/surveys"
)

func keysIn(t *testing.T, c redis.UniversalClient) []string {
	t.Helper()
	found, err := c.Keys(context.Background(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestReplacePutsARecountInPlaceOfEverything(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c := context.Background(), open(t, s.URL)
		old := analytics.NewCounts()
		for _, day := range []surveys.Day{20250101, 20261119, 20261120, today} {
			e := eventAt(1).Event
			e.Day = day
			old.AddEvent(&e, 5)
		}
		first := begin(t, c, node, old, 20)
		want := []string{
			"qingfeng:nodes", "qingfeng:{n1}:day:20250101", "qingfeng:{n1}:day:20261119", "qingfeng:{n1}:day:20261120", "qingfeng:{n1}:day:20261121",
			"qingfeng:{n1}:days", "qingfeng:{n1}:hours:20261120", "qingfeng:{n1}:hours:20261121", "qingfeng:{n1}:state", "qingfeng:{n1}:stream",
		}
		if d := cmp.Diff(want, keysIn(t, c)); d != "" {
			t.Errorf("keys (-want +got):\n%s", d)
		}
		// What a Replace that was cut off has left, and a foreign day.
		c.HSet(ctx, "qingfeng:{n1}:new:0123:day:20261121", "x|d|1", 3)
		c.SAdd(ctx, "qingfeng:{n1}:staging", "qingfeng:{n1}:new:0123:day:20261121")

		second := begin(t, c, node, wantCounts(1, 30), 30)
		want = []string{
			"qingfeng:nodes", "qingfeng:{n1}:day:20261121", "qingfeng:{n1}:days", "qingfeng:{n1}:hours:20261121", "qingfeng:{n1}:state", "qingfeng:{n1}:stream",
		}
		if d := cmp.Diff(want, keysIn(t, c)); d != "" {
			t.Errorf("keys after the second (-want +got):\n%s", d)
		}
		mustEqual(t, c, 30, wantCounts(1, 30))
		if first == second {
			t.Error("both have the same epoch")
		}
		if d := cmp.Diff([]string{"30-0"}, streamIDs(t, c)); d != "" {
			t.Errorf("stream (-want +got):\n%s", d)
		}
		// The stream goes on behind the watermark.
		publish(t, c, eventsOf(31, 40))
		if err := countThrough(t, worker(c, second), 40); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, c, 40, wantCounts(1, 40))
	})
}

// TestReplaceCutOffHalfWayLeavesTheOldCounts stops before the swap, and lets
// another Replace come between.
func TestReplaceCutOffHalfWayLeavesTheOldCounts(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c, k := context.Background(), open(t, s.URL), keysOf(node)
		begin(t, c, node, wantCounts(1, 10), 10)
		r := Recount{Counts: wantCounts(1, 90), Watermark: 90, Today: today, At: noon}
		names, err := stage(ctx, c, k, "half", r)
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, c, 10, wantCounts(1, 10))
		begin(t, c, node, wantCounts(1, 50), 50)
		if err := swap(ctx, c, k, node, "half", names, r); !errors.Is(err, errVanished) {
			t.Errorf("swapping what somebody else has dropped gives %v", err)
		}
		mustEqual(t, c, 50, wantCounts(1, 50))
		for _, key := range keysIn(t, c) {
			if strings.Contains(key, ":new:") {
				t.Errorf("%s is left", key)
			}
		}
	})
}

func TestEmptyStoreMakesEmptyCounts(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		state, err := ReadState(context.Background(), c, node)
		want := State{Epoch: epoch, AppliedAt: noon, RebuiltAt: noon}
		state.AppliedAt, state.RebuiltAt = state.AppliedAt.UTC(), state.RebuiltAt.UTC()
		if d := cmp.Diff(want, state); d != "" || err != nil {
			t.Errorf("state, %v (-want +got):\n%s", err, d)
		}
	})
}
