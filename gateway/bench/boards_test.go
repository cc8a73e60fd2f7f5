package main

import (
	"fmt"
	"testing"
	"time"

	"qingfeng/surveys"
)

// A place's k-th tap is on the boards with the first frame that shows k more
// answers there than at the beginning, whatever stands in the frames between.
func TestJudgeFindsTapsByCounting(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	show := func(offset int64, place string, asked, unasked int) frame {
		return frame{offset, fmt.Appendf(nil, `{"departments":[{"places":[{"id":%q,"figure":{"answered":%d},"unasked":{"answered":%d}}]}]}`, place, asked, unasked)}
	}
	taps := map[surveys.PlaceID][]time.Time{"a": {at(0), at(10)}, "b": {at(20)}}
	newWalls := func() *walls {
		w := &walls{totals: map[surveys.PlaceID]int64{"a": 5, "b": 7}, frames: []frame{show(1, "a", 5, 1), show(2, "b", 8, 0), show(3, "a", 6, 1)}}
		// The second board got nothing at first, and then everything at once.
		w.sights = [][]sight{{{1, at(30)}, {2, at(60)}, {3, at(90)}}, {{3, at(100)}}}
		return w
	}
	p50, p99, err := newWalls().judge(taps)
	if err != nil {
		t.Fatal(err)
	}
	// 30, 40 and 80 on the one; 100, 80 and 90 on the other.
	if p50 != 80*time.Millisecond || p99 != 90*time.Millisecond {
		t.Errorf("p50 %s and p99 %s, want 80ms and 90ms", p50, p99)
	}
	taps["b"] = append(taps["b"], at(25))
	if _, _, err := newWalls().judge(taps); err == nil {
		t.Error("a tap that came to no board is not noticed")
	}
}
