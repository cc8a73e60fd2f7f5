package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// watch opens a board for a viewer and keeps it running.
func (s *site) watch(v live.Viewer, change ...func(*tabletclient.BoardOptions)) *tabletclient.Board {
	s.t.Helper()
	opt := tabletclient.BoardOptions{
		Server: tabletclient.Server{URL: s.http.URL}, FirstPause: 5 * time.Millisecond, LastPause: 50 * time.Millisecond,
		Ticket: func(context.Context) (string, error) {
			ticket := surveys.NewFactID(time.Now(), [10]byte{}).String() + v.ID
			s.tickets.give(ticket, v)
			return ticket, nil
		},
	}
	for _, f := range change {
		f(&opt)
	}
	board := tabletclient.NewBoard(opt)
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	go func() { _ = board.Run(ctx) }()
	return board
}

var office = live.Viewer{ID: "office-1", Audience: analytics.AudienceOffice}

func answered(n int64) func(*tabletclient.BoardState, tabletclient.Counts) bool {
	return func(s *tabletclient.BoardState, _ tabletclient.Counts) bool { return s.Hospital.Figure.Answered == n }
}

func wait(t *testing.T, b *tabletclient.Board, what string, ok func(*tabletclient.BoardState, tabletclient.Counts) bool) {
	t.Helper()
	if err := b.Wait(within(t), ok); err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}

func TestBoardFollowsTheCounts(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	for n := range int64(30) {
		s.scores.rate("finance", 1)
		if n%10 == 9 {
			wait(t, board, "the board has caught up", answered(16+n))
		}
	}
	wait(t, board, "twelve arrivals stand", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return len(b.Arrivals) == 12 && c.Snapshots == 1 && c.Gaps == 0 && c.Deltas >= 3 && b.Offset == 130
	})
}

func TestChangesOfOneWindowAreOneDelta(t *testing.T) {
	s := start(t, func(_ *live.TabletOptions, b *live.BoardOptions) { b.Coalesce = 200 * time.Millisecond })
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	for range 50 {
		s.scores.rate("finance", 1)
	}
	wait(t, board, "the board has caught up", answered(65))
	if c := board.Counts(); c.Deltas > 2 {
		t.Errorf("50 ratings at once came as %d deltas, want them merged", c.Deltas)
	}
}

func TestDeltaCarriesOnlyWhatChanged(t *testing.T) {
	s := start(t)
	sc := s.board(office)
	sc.send(`{"type":"subscribe","period":"today"}`)
	sc.expect("snapshot")
	s.scores.rate("cardiology", 2)
	var delta struct {
		Offset, Previous int64
		Departments      []struct{ ID string }
		Arrivals         []struct{ Department string }
		Callbacks        json.RawMessage
		Devices          json.RawMessage
	}
	sc.into(sc.expect("delta"), &delta)
	if delta.Offset != 102 || delta.Previous != 100 || len(delta.Departments) != 1 || delta.Departments[0].ID != "cardiology" ||
		len(delta.Arrivals) != 1 || delta.Callbacks != nil || delta.Devices != nil {
		t.Errorf("delta is %+v, want cardiology and its one arrival alone", delta)
	}
}

// board opens a board by hand.
func (s *site) board(v live.Viewer) *screen {
	s.t.Helper()
	sc := s.open("/ws/board")
	s.tickets.give("by hand "+v.ID, v)
	sc.send(`{"type":"ticket","ticket":"by hand ` + v.ID + `"}`)
	return sc
}

func TestNewEpochBringsASnapshotUnasked(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	s.scores.change(func() { s.scores.position = analytics.Position{Epoch: "e2", Offset: 3, AsOf: noon} })
	wait(t, board, "the new epoch is shown", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return b.Epoch == "e2" && b.Offset == 3 && c.Snapshots == 2 && c.Gaps == 0
	})
	s.scores.rate("finance", 1)
	wait(t, board, "deltas go on from there", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return b.Offset == 4 && c.Deltas == 1
	})
}

func TestOtherDepartmentsBringASnapshot(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	s.scores.change(func() { s.scores.order = s.scores.order[:1] })
	wait(t, board, "the department is gone", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return len(b.Departments) == 1 && c.Snapshots == 2
	})
}

func TestBehindAndTheDaysTurnAreShownWithoutACount(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	s.scores.mu.Lock()
	s.scores.position.Behind = true // nobody signals
	s.scores.mu.Unlock()
	wait(t, board, "the board says it lags", func(b *tabletclient.BoardState, _ tabletclient.Counts) bool { return b.Behind })

	s.scores.mu.Lock()
	s.scores.answered["finance"] = 0
	s.scores.mu.Unlock()
	s.clock.set(noon.Add(24 * time.Hour))
	wait(t, board, "the new day is shown", answered(3))
	last := func() analytics.BoardOptions {
		s.scores.mu.Lock()
		defer s.scores.mu.Unlock()
		return s.scores.asked[len(s.scores.asked)-1]
	}()
	want := analytics.BoardOptions{
		From: 20261122, To: 20261122, Today: 20261122, Hour: 10, Audience: analytics.AudienceOffice, MinAnswers: analytics.DefaultMinAnswers,
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("asked the scores for (-want +got):\n%s", diff)
	}
}

// TestAHeadSeesTheHoursOfTodayThatAreOver holds the hub to saying which hour it
// is: without it none of today's answers would be counted in for a department's
// head, and with a wrong one too many.
func TestAHeadSeesTheHoursOfTodayThatAreOver(t *testing.T) {
	s := start(t)
	s.scores.counts = analytics.NewCounts()
	for hour, grade := range map[int]surveys.Grade{8: 5, 9: 1, 10: 1} { // noon is 10:42
		s.scores.counts.AddEvent(&surveys.Event{
			Kind: surveys.EventRatingRecorded, At: noon.UnixMilli(), Day: 20261121, Hour: hour, Place: "settlement-2", Department: "finance",
			Version: samplePaper().Version(), Item: "grade", Mode: surveys.ModeWindow, Series: surveys.SeriesAsked, Grade: grade,
		}, 12)
	}
	sc := s.board(live.Viewer{ID: "head", Audience: analytics.AudienceDepartment, Department: "finance"})
	sc.send(`{"type":"subscribe","period":"today"}`)
	type frame struct {
		Departments []struct{ Figure analytics.Figure }
	}
	var snapshot, later frame
	sc.into(sc.expect("snapshot"), &snapshot)
	if got := snapshot.Departments[0].Figure; !got.Shown || *got.Score != 100 || got.Grades != nil {
		t.Errorf("at 10:42 the head's figure is %+v, want the score of the hour from 8, and no grades", got)
	}
	s.clock.set(noon.Add(20 * time.Minute))
	sc.into(sc.expect("delta"), &later)
	if got := later.Departments[0].Figure; !got.Shown || *got.Score != 50 {
		t.Errorf("at 11:02 the head's figure is %+v, want that of the two hours before 10", got)
	}
}

func TestPeriods(t *testing.T) {
	s := start(t)
	sc := s.board(office)
	for period, from := range map[string]surveys.Day{"today": 20261121, "7d": 20261115, "30d": 20261023} {
		sc.send(`{"type":"subscribe","period":"` + period + `"}`)
		var snapshot struct{ Period string }
		if sc.into(sc.expect("snapshot"), &snapshot); snapshot.Period != period {
			t.Errorf("asked for %s, got %s", period, snapshot.Period)
		}
		s.scores.mu.Lock()
		last := s.scores.asked[len(s.scores.asked)-1]
		s.scores.mu.Unlock()
		if last.From != from || last.To != 20261121 {
			t.Errorf("%s is %s to %s, want from %s", period, last.From, last.To, from)
		}
	}
	sc.send(`{"type":"subscribe","period":"1y"}`)
	if code, _ := sc.closed(); code != live.CloseBadFrame {
		t.Errorf("an unknown period closed with %d, want %d", code, live.CloseBadFrame)
	}
}

func TestDepartmentHeadSeesTheOwnDepartmentAlone(t *testing.T) {
	s := start(t)
	s.scores.rate("finance", 1)
	s.lists.change(func() {
		s.lists.open = 3
		s.lists.dev = []live.BoardDevice{
			{ID: deviceID(1), Name: "ward tablet", Kind: surveys.DeviceBedsideTablet, Place: "ward-7a"},
			{ID: deviceID(2), Name: "window tablet", Kind: surveys.DeviceWindowTablet, Place: "settlement-2"},
			{ID: deviceID(3), Name: "wall", Kind: surveys.DeviceWallBoard},
		}
	})
	sc := s.board(live.Viewer{ID: "head", Audience: analytics.AudienceDepartment, Department: "cardiology"})
	sc.send(`{"type":"subscribe","period":"today"}`)
	snapshot := string(sc.expect("snapshot"))
	for _, want := range []string{`"audience":"department"`, `"id":"cardiology"`, `"arrivals":[]`, "ward tablet"} {
		if !strings.Contains(snapshot, want) {
			t.Errorf("the snapshot lacks %s: %s", want, snapshot)
		}
	}
	for _, never := range []string{`"id":"finance"`, `"callbacks"`, "window tablet", `"name":"wall"`, "settlement-2"} {
		if strings.Contains(snapshot, never) {
			t.Errorf("the snapshot tells a department's head %s: %s", never, snapshot)
		}
	}
}

func TestListsChangeWithoutACount(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	s.lists.change(func() { s.lists.open = 2 })
	s.boards.Touch()
	wait(t, board, "the call-backs are shown", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return b.Callbacks["open"] == 2.0 && b.Offset == 100 && c.Gaps == 0
	})
	s.lists.change(func() { s.lists.err = errNotFound })
	s.boards.Touch()
	s.scores.rate("finance", 1)
	wait(t, board, "figures go on though the lists cannot be read", func(b *tabletclient.BoardState, _ tabletclient.Counts) bool {
		return b.Offset == 101 && b.Callbacks["open"] == 2.0
	})
}

func TestBoardThatMissedADeltaSubscribesAgain(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	board.Forget()
	s.scores.rate("finance", 1)
	wait(t, board, "the gap is healed", func(b *tabletclient.BoardState, c tabletclient.Counts) bool {
		return c.Gaps == 1 && c.Snapshots == 2 && b.Hospital.Figure.Answered == 16
	})
}

func TestBoardComesBackAfterACut(t *testing.T) {
	s := start(t)
	board := s.watch(office)
	wait(t, board, "the snapshot is there", answered(15))
	board.Break()
	s.scores.rate("finance", 5)
	wait(t, board, "a new snapshot shows what was missed", answered(20))
}

func TestViewExistsOnlyWhileSomebodyWatches(t *testing.T) {
	s := start(t)
	sc := s.board(office)
	sc.send(`{"type":"subscribe","period":"today"}`)
	sc.expect("snapshot")
	_ = sc.ws.Close()
	eventually(t, "the board is gone", func() bool { return s.boards.Sockets() == 0 })
	built := func() int {
		s.scores.mu.Lock()
		defer s.scores.mu.Unlock()
		return s.scores.built
	}
	before := built()
	for range 5 {
		s.scores.rate("finance", 1)
		eventually(t, "the hub has heard of it", s.scores.heard)
	}
	// Hearing of one means that the one before is done with.
	if n := built() - before; n != 0 {
		t.Errorf("boards were built %d times while nobody watched", n)
	}
	again := s.board(office)
	again.send(`{"type":"subscribe","period":"today"}`)
	again.expect("snapshot")
	if built() == before {
		t.Error("the new board's snapshot was not built for it")
	}
}

func TestWhoMayNotWatchIsSentAway(t *testing.T) {
	s := start(t, withTimes(live.Times{Ping: 100 * time.Millisecond}))
	t.Run("ticket that is not good", func(t *testing.T) {
		sc := s.open("/ws/board")
		sc.send(`{"type":"ticket","ticket":"guess"}`)
		if code, _ := sc.closed(); code != live.CloseNotEnrolled {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("tablet", func(t *testing.T) {
		sc := s.open("/ws/board")
		sc.sendJSON(sc.hello(s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1"))
		if code, _ := sc.closed(); code != live.CloseBadFrame {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("signed out", func(t *testing.T) {
		stays := s.board(live.Viewer{ID: "other", Audience: analytics.AudienceOffice})
		sc := s.board(office)
		sc.send(`{"type":"subscribe","period":"today"}`)
		sc.expect("snapshot")
		s.boards.Drop(office.ID)
		if code, _ := sc.closed(); code != live.CloseNotEnrolled {
			t.Errorf("closed with %d", code)
		}
		stays.send(`{"type":"subscribe","period":"today"}`)
		stays.expect("snapshot")
	})
	t.Run("time is over", func(t *testing.T) {
		sc := s.board(live.Viewer{ID: "brief", Audience: analytics.AudienceOffice, Until: noon.Add(-time.Second)})
		if code, _ := sc.closed(); code != live.CloseNotEnrolled {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("revoked wall board", func(t *testing.T) {
		id := s.enrol(2, surveys.DeviceWallBoard, "")
		sc := s.welcomed("/ws/board", id, "page-1")
		s.boards.RevokeDevice(id.Device)
		if code, _ := sc.closed(); code != live.CloseRevoked {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("asks without end", func(t *testing.T) {
		sc := s.board(live.Viewer{ID: "greedy", Audience: analytics.AudienceOffice})
		for range 30 {
			sc.send(`{"type":"subscribe","period":"today"}`)
		}
		if code, _ := sc.closed(); code != live.CloseTooMany {
			t.Errorf("closed with %d", code)
		}
	})
}

func TestSlowBoardIsDroppedAndTheOthersAreNot(t *testing.T) {
	s := start(t, func(_ *live.TabletOptions, b *live.BoardOptions) { b.Coalesce = time.Millisecond })
	s.scores.change(func() { // a large hospital, so that little patience is needed
		for n := range 400 {
			id := surveys.DepartmentID("department-" + factID(n).String())
			s.scores.order = append(s.scores.order, id)
		}
	})
	slow := s.board(live.Viewer{ID: "slow", Audience: analytics.AudienceOffice})
	slow.send(`{"type":"subscribe","period":"today"}`)
	slow.expect("snapshot") // and reads no more
	quick := s.watch(office, func(o *tabletclient.BoardOptions) { o.Headless = true })
	wait(t, quick, "the snapshot is there", func(*tabletclient.BoardState, tabletclient.Counts) bool { return true })
	eventually(t, "the slow board is gone", func() bool {
		s.scores.change(func() {
			for _, id := range s.scores.order {
				s.scores.answered[id]++
			}
			s.scores.position.Offset++
		})
		return s.boards.Sockets() == 1
	})
	if c := quick.Counts(); c.Snapshots != 1 || c.Gaps != 0 {
		t.Errorf("the quick board has seen %+v, want one snapshot and no gap", c)
	}
}

func TestBoardsCloseWithGoingAway(t *testing.T) {
	s := start(t)
	sc := s.board(office)
	sc.send(`{"type":"subscribe","period":"today"}`)
	sc.expect("snapshot")
	done := make(chan error, 1)
	go func() { done <- s.boards.Close(within(t)) }()
	if code, _ := sc.closed(); code != live.CloseGoingAway {
		t.Errorf("closed with %d, want %d", code, live.CloseGoingAway)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStoppedBoardSaysWhy(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWallBoard, "")
	board := tabletclient.NewBoard(tabletclient.BoardOptions{Server: tabletclient.Server{URL: s.http.URL}, Identity: &id, Now: s.clock.now})
	ran := make(chan error, 1)
	go func() { ran <- board.Run(within(t)) }()
	wait(t, board, "the snapshot is there", answered(15))
	s.boards.RevokeDevice(id.Device)
	var stopped *tabletclient.StoppedError
	if err := <-ran; !errors.As(err, &stopped) || stopped.Code != live.CloseRevoked {
		t.Errorf("the board ended with %v, want that it was stopped with %d", err, live.CloseRevoked)
	}
}

func TestBoardDevicesJoinsStoreAndSockets(t *testing.T) {
	worked := noon.Add(-time.Hour)
	devices := []surveys.Device{
		{ID: deviceID(1), Name: "a", Kind: surveys.DeviceWindowTablet, Place: "settlement-2", LastTestAt: worked, LastTestKeyWorked: true, LastSeenAt: worked},
		{ID: deviceID(2), Name: "b", Kind: surveys.DeviceWindowTablet, Place: "settlement-3", LastTestAt: worked, LastTestKeyWorked: true, LastSeenAt: worked},
		{ID: deviceID(3), Name: "c", Kind: surveys.DeviceWindowTablet, RevokedAt: worked},
	}
	online := map[surveys.DeviceID]live.OnlineState{deviceID(1): {Since: noon, Queued: 900}}
	want := []live.BoardDevice{
		{ID: deviceID(1), Name: "a", Kind: surveys.DeviceWindowTablet, Place: "settlement-2", Online: true, Since: noon, Faults: []surveys.Fault{surveys.FaultQueue}},
		{ID: deviceID(2), Name: "b", Kind: surveys.DeviceWindowTablet, Place: "settlement-3", Since: worked},
	}
	if diff := cmp.Diff(want, live.BoardDevices(devices, online, noon, shanghai)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
