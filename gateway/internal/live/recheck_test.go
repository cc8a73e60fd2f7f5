package live_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

// TestDropBetweenTicketAndBoard ends the officer's session after the ticket was
// taken and before the board is known.
func TestDropBetweenTicketAndBoard(t *testing.T) {
	s := start(t)
	var alive atomic.Bool
	alive.Store(true)
	viewer := live.Viewer{ID: "officer", Audience: analytics.AudienceOffice, MayWatch: func(context.Context) (bool, error) { return alive.Load(), nil }}
	s.tickets.redeemed = func() {
		alive.Store(false)
		s.boards.Drop(viewer.ID)
	}
	s.tickets.give("t", viewer)
	sc := s.open("/ws/board")
	sc.send(`{"type":"ticket","ticket":"t"}`)
	if code, before := sc.closed(); code != live.CloseNotEnrolled || len(before) != 0 {
		t.Errorf("closed with %d after %q, want %d after nothing", code, before, live.CloseNotEnrolled)
	}
}

func TestOfficerWhoMayNotWatchAnyMoreIsSentAway(t *testing.T) {
	s := start(t, withTimes(live.Times{Ping: 20 * time.Millisecond}))
	var state, asked atomic.Int64 // 0: may watch, 1: nobody can say, 2: may not
	viewer := live.Viewer{ID: "officer", Audience: analytics.AudienceOffice, MayWatch: func(context.Context) (bool, error) {
		asked.Add(1)
		if state.Load() == 1 {
			return false, errors.New("the store is busy")
		}
		return state.Load() == 0, nil
	}}
	sc := s.board(viewer)
	state.Store(1)
	seen := asked.Load()
	eventually(t, "the question failed twice", func() bool { return asked.Load() > seen+2 })
	sc.send(`{"type":"subscribe","period":"today"}`)
	sc.expect("snapshot")
	state.Store(2)
	if code, _ := sc.closed(); code != live.CloseNotEnrolled {
		t.Errorf("closed with %d, want %d", code, live.CloseNotEnrolled)
	}
}

func TestBoardsOfOneViewerAreCapped(t *testing.T) {
	s := start(t)
	for range 20 {
		sc := s.board(office)
		sc.send(`{"type":"subscribe","period":"today"}`)
		sc.expect("snapshot")
	}
	if code, _ := s.board(office).closed(); code != live.CloseTooMany {
		t.Errorf("the 21st board was closed with %d, want %d", code, live.CloseTooMany)
	}
	other := s.board(live.Viewer{ID: "another", Audience: analytics.AudienceOffice})
	other.send(`{"type":"subscribe","period":"today"}`)
	other.expect("snapshot")
}

// TestRevokedByAnotherProcess changes the store alone, as a command does.
func TestRevokedByAnotherProcess(t *testing.T) {
	s := start(t, withTimes(live.Times{Touch: 5 * time.Millisecond}))
	revoked := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	shared := s.welcomed("/ws/device", s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	wall := s.welcomed("/ws/board", s.enrol(3, surveys.DeviceWallBoard, ""), "page-1")
	kept := s.welcomed("/ws/device", s.enrol(4, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.store.change(func() {
		for n, alter := range map[int]func(*surveys.Device){
			1: func(d *surveys.Device) { d.RevokedAt = noon }, 2: func(d *surveys.Device) { d.SharedKeyAt = noon }, 3: func(d *surveys.Device) { d.RevokedAt = noon },
		} {
			d := s.store.devices[deviceID(n)]
			alter(&d)
			s.store.devices[d.ID] = d
		}
	})
	s.clock.set(noon.Add(time.Minute))
	for _, want := range []struct {
		what string
		sc   *screen
		code int
	}{{"revoked tablet", revoked, live.CloseRevoked}, {"shared key", shared, live.CloseSharedKey}, {"revoked wall board", wall, live.CloseRevoked}} {
		if code, _ := want.sc.closed(); code != want.code {
			t.Errorf("%s: closed with %d, want %d", want.what, code, want.code)
		}
	}
	kept.send(rating(t, 1, nil))
	kept.expect("ack")
}

func TestWallBoardIsDisconnected(t *testing.T) {
	s := start(t)
	wall := s.welcomed("/ws/board", s.enrol(3, surveys.DeviceWallBoard, ""), "page-1")
	s.boards.Disconnect(deviceID(3))
	if code, _ := wall.closed(); code != live.CloseGoingAway {
		t.Errorf("closed with %d, want %d", code, live.CloseGoingAway)
	}
}

func TestTabletsAndBoardsShareSeats(t *testing.T) {
	seats := live.NewSeats(live.Limits{Sockets: 2})
	s := start(t, func(t *live.TabletOptions, b *live.BoardOptions) { t.Seats, b.Seats = seats, seats })
	s.window(1)
	sc := s.board(office)
	sc.send(`{"type":"subscribe","period":"today"}`)
	sc.expect("snapshot")
	for _, path := range []string{"/ws/device", "/ws/board"} {
		_, resp, err := websocket.DefaultDialer.Dial("ws"+s.http.URL[len("http"):]+path, http.Header{"Origin": {s.http.URL}})
		if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: a third screen on two seats: %v, want 503", path, err)
		}
	}
	_ = sc.ws.Close()
	eventually(t, "the board's seat is free", func() bool {
		ws, _, err := websocket.DefaultDialer.Dial("ws"+s.http.URL[len("http"):]+"/ws/device", http.Header{"Origin": {s.http.URL}})
		if err == nil {
			_ = ws.Close()
		}
		return err == nil
	})
}

// TestSetAsidesAreSlowed sends what is no fact as fast as it goes: a person has
// to read every one that is kept.
func TestSetAsidesAreSlowed(t *testing.T) {
	s := start(t, withLimits(live.Limits{SetAsideBurst: 3}))
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	wrong := func(n int) { sc.send(rating(t, n, map[string]any{"place": "nowhere"})) }
	for n := range 3 {
		wrong(n)
		if got, want := string(sc.expect("ack")), ack(n, surveys.OutcomeInvalid); got != want {
			t.Errorf("answer %d is %s, want %s", n, got, want)
		}
	}
	wrong(3)
	if got, want := string(sc.expect("retry")), fmt.Sprintf(`{"type":"retry","id":%q,"after_seconds":2,"reason":"busy"}`, factID(3)); got != want {
		t.Errorf("beyond the burst: %s, want %s", got, want)
	}
	sc.send(rating(t, 4, nil))
	sc.expect("ack")
	s.clock.set(noon.Add(time.Second))
	wrong(3)
	sc.expect("ack")
	if n := look(s.store, func() int { return len(s.store.aside) }); n != 4 {
		t.Errorf("%d frames are set aside, want 4", n)
	}
}
