package redisstream

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/surveys"
)

func organisation() *surveys.Organisation {
	var places []surveys.Place
	for _, id := range []surveys.PlaceID{"settlement-0", "settlement-1", "settlement-2", "settlement-3"} {
		places = append(places, surveys.Place{ID: id, Kind: surveys.PlaceWindow, Department: "finance"})
	}
	return surveys.NewOrganisation(surveys.Text{ZH: "医院", EN: "Hospital"}, nil, []surveys.Department{{ID: "finance"}}, places, nil)
}

func follow(t *testing.T, c redis.UniversalClient, change ...func(o *ScoresOptions)) *Scores {
	t.Helper()
	o := ScoresOptions{Organisation: organisation(), Zone: time.UTC, Now: now, Check: 20 * time.Millisecond, Patience: 60 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	s := NewScores(c, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	t.Cleanup(func() {
		once.Do(cancel)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("scores end with %v", err)
		}
	})
	return s
}

var todayOnly = analytics.BoardOptions{From: today, To: today, Today: today, Audience: analytics.AudienceOffice}

// shows waits until a board equals the one of the wanted counts.
func shows(t *testing.T, s *Scores, offset int64, want *analytics.Counts) {
	t.Helper()
	redistest.Until(t, "the copy has caught up", func() bool { return s.Position().Offset == offset && !s.Position().Behind })
	got, _ := s.Board(todayOnly)
	if d := cmp.Diff(analytics.BuildBoard(organisation(), want, todayOnly), got); d != "" {
		t.Errorf("board (-want +got):\n%s", d)
	}
}

func TestScoresFollowWhatIsApplied(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		// A slow machine must not take a message under way for a missed one.
		scores := follow(t, c, func(o *ScoresOptions) { o.Check = 500 * time.Millisecond })
		if p := scores.Position(); !p.Behind || !p.AsOf.IsZero() {
			t.Errorf("before anything is loaded: %+v", p)
		}
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		redistest.Until(t, "the empty counts are loaded", func() bool { return !scores.Position().Behind })
		changed := make(chan struct{}, 1)
		scores.Notify(changed)
		loaded := scores.Position().Epoch
		publish(t, c, eventsOf(1, 100))
		if err := countThrough(t, worker(c, epoch), 100); err != nil {
			t.Fatal(err)
		}
		<-changed
		shows(t, scores, 100, wantCounts(1, 100))
		if p := scores.Position(); p.Epoch != loaded || !p.AsOf.Equal(noon) {
			t.Errorf("position %+v, want epoch %s as of %s: nothing was to be loaded anew", p, loaded, noon)
		}
	})
}

func TestScoresMergeNodesBySum(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		begin(t, c, "a", wantCounts(1, 70), 70)
		begin(t, c, "b", wantCounts(1, 30), 30)
		scores := follow(t, c)
		want := wantCounts(1, 70)
		want.Merge(wantCounts(1, 30))
		shows(t, scores, 100, want)
		// One node is made anew; the other's part stays.
		begin(t, c, "b", wantCounts(1, 50), 50)
		want = wantCounts(1, 70)
		want.Merge(wantCounts(1, 50))
		shows(t, scores, 120, want)
		// A third one comes.
		begin(t, c, "c", wantCounts(1, 10), 10)
		want.Merge(wantCounts(1, 10))
		shows(t, scores, 130, want)
	})
}

// TestScoresCountAStoreOnce renames a node under a running copy.
func TestScoresCountAStoreOnce(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		replace := func(name, store string, n int64, at time.Time) {
			t.Helper()
			r := Recount{Counts: wantCounts(1, n), Store: store, Watermark: n, Today: today, At: at}
			if _, err := Replace(context.Background(), c, name, r); err != nil {
				t.Fatal(err)
			}
		}
		replace("a", "one", 70, noon)
		replace("b", "two", 30, noon)
		scores := follow(t, c)
		want := wantCounts(1, 70)
		want.Merge(wantCounts(1, 30))
		shows(t, scores, 100, want)
		replace("c", "one", 75, noon.Add(time.Minute))
		want = wantCounts(1, 75)
		want.Merge(wantCounts(1, 30))
		shows(t, scores, 105, want)
		// The old name comes back, as from a replica that lagged.
		c.SAdd(context.Background(), nodesKey, "a")
		c.HSet(context.Background(), keysOf("a").state, stateEpoch, "old", stateStore, "one", stateWatermark, 70, stateAppliedAt, 1, stateRebuiltAt, 1, stateDead, 0)
		reloads := scores.Position().Epoch
		replace("b", "two", 35, noon)
		want = wantCounts(1, 75)
		want.Merge(wantCounts(1, 35))
		shows(t, scores, 110, want)
		if scores.Position().Epoch == reloads {
			t.Error("the third replacement was not loaded")
		}
	})
}

func TestScoresNoticeAMissedMessage(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c, k := context.Background(), open(t, s.URL), keysOf(node)
		begin(t, c, node, wantCounts(1, 30), 30)
		scores := follow(t, c)
		shows(t, scores, 30, wantCounts(1, 30))
		// Counted without a word: 31 to 50.
		for day, cells := range map[surveys.Day]*analytics.Counts{today: wantCounts(31, 50)} {
			for cell, n := range cells.Cells(day) {
				name := hashName(day, cell, today)
				c.SAdd(ctx, k.days, name)
				c.HIncrBy(ctx, k.hash(name), cell.String(), n)
			}
		}
		c.HSet(ctx, k.state, stateWatermark, 50)
		shows(t, scores, 50, wantCounts(1, 50))
		// And what nobody of ours said is passed over.
		for _, nonsense := range []string{"", "{", `{"node":""}`} {
			if err := c.Publish(ctx, k.channel, nonsense).Err(); err != nil {
				t.Fatal(err)
			}
		}
		shows(t, scores, 50, wantCounts(1, 50))
	})
}

func TestScoresServeTheLastCountsWithoutRedis(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		begin(t, c, node, wantCounts(1, 60), 60)
		scores := follow(t, c)
		shows(t, scores, 60, wantCounts(1, 60))
		before, _ := scores.Board(todayOnly)
		changed := make(chan struct{}, 1)
		scores.Notify(changed)
		s.Kill()
		redistest.Until(t, "the copy says behind", func() bool { return scores.Position().Behind })
		<-changed
		after, position := scores.Board(todayOnly)
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("board without Redis (-before +after):\n%s", d)
		}
		if !position.AsOf.Equal(noon) {
			t.Errorf("as of %s, want %s", position.AsOf, noon)
		}
		s.Start()
		begin(t, c, node, wantCounts(1, 80), 80)
		shows(t, scores, 80, wantCounts(1, 80))
	})
}

func TestScoresAreBehindWhileTheRelayLags(t *testing.T) {
	c := open(t, redistest.StartMini(t).URL)
	begin(t, c, node, wantCounts(1, 10), 10)
	var mu sync.Mutex
	lagging := false
	set := func(v bool) { mu.Lock(); lagging = v; mu.Unlock() }
	scores := follow(t, c, func(o *ScoresOptions) {
		o.Lagging = func() bool { mu.Lock(); defer mu.Unlock(); return lagging }
	})
	shows(t, scores, 10, wantCounts(1, 10))
	set(true)
	redistest.Until(t, "the copy says behind", func() bool { return scores.Position().Behind })
	set(false)
	redistest.Until(t, "the copy no longer says behind", func() bool { return !scores.Position().Behind })
}

func TestArrivalsAreTheNewestRatingsAndSurviveARestart(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		scores := follow(t, c)
		shows(t, scores, 0, analytics.NewCounts())
		for last := int64(10); last <= 40; last += 10 {
			publish(t, c, eventsOf(last-9, last))
			if err := countThrough(t, worker(c, epoch), last); err != nil {
				t.Fatal(err)
			}
		}
		shows(t, scores, 40, wantCounts(1, 40))
		var want []analytics.Arrival
		for n := int64(40); len(want) < 12; n-- {
			if e := eventAt(n).Event; e.Kind == surveys.EventRatingRecorded {
				want = append(want, analytics.Arrival{At: e.Time().UTC(), Department: e.Department, Place: e.Place, Mode: e.Mode, Grade: e.Grade, Series: e.Series})
			}
		}
		if d := cmp.Diff(want, scores.Arrivals()); d != "" {
			t.Errorf("arrivals (-want +got):\n%s", d)
		}
		fresh := follow(t, c)
		shows(t, fresh, 40, wantCounts(1, 40))
		if d := cmp.Diff(want, fresh.Arrivals()); d != "" {
			t.Errorf("arrivals after a restart (-want +got):\n%s", d)
		}
	})
}

func TestChannelCarriesOnlyWhatBoardsShow(t *testing.T) {
	b := newBatch(today)
	for n := int64(1); n <= 60; n++ {
		e := eventAt(n)
		b.add(&entry{id: entryID(n), sequence: n}, &e.Event)
	}
	text, err := b.message(node, "e", noon)
	if err != nil {
		t.Fatal(err)
	}
	var m applied
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, day := range m.Days {
		for name := range day {
			cells++
			if c, err := analytics.ParseCell(name); err != nil || !c.Kind.OnBoard() || c.Staff != "" {
				t.Errorf("the message holds %q", name)
			}
		}
	}
	if cells == 0 || len(m.Arrivals) != recentArrivals {
		t.Errorf("the message holds %d cells and %d arrivals", cells, len(m.Arrivals))
	}
}

func TestMessageIsAddedOnlyWhereItFollows(t *testing.T) {
	message := func(epoch string, first, last int64) *applied {
		return &applied{
			Node: node, Epoch: epoch, First: first, Last: last, AppliedAt: noon.UnixMilli(),
			Days: map[string]map[string]int64{"20261121": {"o|finance|settlement-1|window": last - first + 1}},
		}
	}
	rebuilt := message("e", 10, 10)
	rebuilt.Rebuilt, rebuilt.Days = true, nil
	tests := []struct {
		name    string
		message *applied
		taken   bool
		offered int64 // afterwards
	}{
		{"the next", message("e", 11, 15), true, 15},
		{"one that is loaded already", message("e", 6, 10), true, 10},
		{"one that is loaded in part", message("e", 8, 12), false, 10},
		{"one after a gap", message("e", 12, 15), false, 10},
		{"one of another epoch", message("f", 11, 15), false, 10},
		{"the replacing that was loaded", rebuilt, true, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := NewScores(nil, ScoresOptions{Organisation: organisation(), Zone: time.UTC, Now: now})
			cell := analytics.Cell{Kind: analytics.CellOffered, Department: "finance", Place: "settlement-1", Mode: "window"}
			n := &nodeScores{epoch: "e", watermark: 10, counts: analytics.NewCounts()}
			n.counts.Add(today, cell, 10)
			s.merged.Add(today, cell, 10)
			s.nodes[node] = n
			if got := s.add(test.message); got != test.taken {
				t.Errorf("taken: %v, want %v", got, test.taken)
			}
			if board, _ := s.Board(todayOnly); board.Hospital.Figure.Offered != test.offered {
				t.Errorf("offered %d, want %d", board.Hospital.Figure.Offered, test.offered)
			}
		})
	}
}
