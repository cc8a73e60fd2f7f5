package live_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

func TestRevokeClosesAtOnce(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	sc := s.welcomed("/ws/device", id, "page-1")
	began := time.Now()
	s.tablets.Revoke(id.Device)
	code, _ := sc.closed()
	if took := time.Since(began); code != live.CloseRevoked || took > 2*time.Second {
		t.Errorf("closed with %d after %s, want %d within 2 s", code, took, live.CloseRevoked)
	}
	// The store's own mark may come a moment later.
	again := s.open("/ws/device")
	again.sendJSON(again.hello(id, "page-2"))
	if code, _ := again.closed(); code != live.CloseRevoked {
		t.Errorf("the revoked device came back and was closed with %d, want %d", code, live.CloseRevoked)
	}
}

func TestRevokeReachesAScreenThatDoesNotRead(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	s.welcomed("/ws/device", id, "page-1")
	big := samplePrompt(1)
	for range 20 { // fill what the connection holds, so that a write hangs
		big.CreatedAt = big.CreatedAt.Add(time.Millisecond)
		s.tablets.Prompt(big)
	}
	began := time.Now()
	s.tablets.Revoke(id.Device)
	eventually(t, "the socket is gone", func() bool { return s.tablets.Sockets() == 0 })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the socket was gone after %s, want 2 s", took)
	}
}

func TestSamePageComesBack(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	old := s.welcomed("/ws/device", id, "page-1")
	s.welcomed("/ws/device", id, "page-1")
	if code, _ := old.closed(); code != live.CloseGoingAway {
		t.Errorf("the old socket was closed with %d, want %d", code, live.CloseGoingAway)
	}
	eventually(t, "one tablet stands at the window", func() bool { return s.tablets.Connected("settlement-2") == 1 })
	if marked := look(s.store, func() int { return len(s.store.marked) }); marked != 0 {
		t.Error("a page that came back was taken for a second holder of the key")
	}
}

func TestTwoLivingSessionsWithOneKeyAreBothStopped(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	first := s.welcomed("/ws/device", id, "page-1")
	second := s.open("/ws/device")
	second.sendJSON(second.hello(id, "page-2"))
	codes := make(chan int, 2)
	for _, sc := range []*screen{first, second} {
		go func() {
			_, _, err := sc.ws.ReadMessage() // answers the ping meanwhile
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				codes <- closed.Code
			} else {
				codes <- 0
			}
		}()
	}
	if got := [2]int{<-codes, <-codes}; got != [2]int{live.CloseSharedKey, live.CloseSharedKey} {
		t.Errorf("closed with %v, want both %d", got, live.CloseSharedKey)
	}
	if diff := cmp.Diff([]surveys.DeviceID{id.Device}, look(s.store, func() []surveys.DeviceID { return s.store.marked })); diff != "" {
		t.Errorf("marked in the store (-want +got):\n%s", diff)
	}

	third := s.open("/ws/device")
	third.sendJSON(third.hello(id, "page-1"))
	if code, _ := third.closed(); code != live.CloseSharedKey {
		t.Errorf("came back and was closed with %d, want %d until it is cleared", code, live.CloseSharedKey)
	}
	s.store.change(func() {
		d := s.store.devices[id.Device]
		d.SharedKeyAt = time.Time{}
		s.store.devices[id.Device] = d
	})
	s.welcomed("/ws/device", id, "page-3")
}

func TestSharedKeyStaysKnownWhileTheStoreCannotBeTold(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	first := s.welcomed("/ws/device", id, "page-1")
	second := s.open("/ws/device")
	// The store fails between reading the device and marking it: the read of
	// the second hello is over once the first is pinged.
	first.ws.SetPingHandler(func(data string) error {
		s.store.change(func() { s.store.broken = errBusy })
		return first.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(patience))
	})
	go func() { _, _, _ = first.ws.ReadMessage() }()
	second.sendJSON(second.hello(id, "page-2"))
	if code, _ := second.closed(); code != live.CloseSharedKey {
		t.Fatalf("closed with %d, want %d", code, live.CloseSharedKey)
	}
	s.store.change(func() { s.store.broken = nil })
	third := s.open("/ws/device")
	third.sendJSON(third.hello(id, "page-3"))
	if code, _ := third.closed(); code != live.CloseSharedKey {
		t.Errorf("closed with %d, want %d", code, live.CloseSharedKey)
	}
	if n := look(s.store, func() int { return len(s.store.marked) }); n != 1 {
		t.Errorf("the store was told %d times, want once it could hear", n)
	}
}

func TestDeadSessionGivesWayToANewPage(t *testing.T) {
	s := start(t, withTimes(live.Times{Probe: 20 * time.Millisecond}))
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	s.welcomed("/ws/device", id, "page-1") // never reads again: answers no ping
	s.welcomed("/ws/device", id, "page-2")
	if n := look(s.store, func() int { return len(s.store.marked) }); n != 0 {
		t.Error("a dead session was taken for a second holder of the key")
	}
}

func TestSlowScreenIsDropped(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	s.welcomed("/ws/device", id, "page-1") // never reads again
	went := 1
	for n := 0; went == 1; n++ {
		if n > 200_000 {
			t.Fatal("a screen that reads nothing was still sent prompts after 200,000")
		}
		p := samplePrompt(n % 60_000)
		p.CreatedAt = noon.Add(time.Duration(n) * time.Microsecond)
		went = s.tablets.Prompt(p)
	}
	eventually(t, "the slow screen is gone", func() bool { return s.tablets.Sockets() == 0 })
	if n := s.tablets.Connected("settlement-2"); n != 0 {
		t.Errorf("%d tablets still stand at the window", n)
	}
}

func TestSilentScreenIsDropped(t *testing.T) {
	s := start(t, withTimes(live.Times{Ping: 100 * time.Millisecond, Silence: 60 * time.Millisecond}))
	answers := s.window(1)
	s.welcomed("/ws/device", s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-1") // never reads: no pongs
	eventually(t, "the silent screen is dropped", func() bool {
		_, on := s.tablets.Online()[deviceID(2)]
		return !on
	})
	if answers.Welcome() == nil || answers.Ready(within(t)) != nil {
		t.Error("the screen that answers pings was dropped too")
	}
}

func TestDevicesSeenAreStoredTogether(t *testing.T) {
	s := start(t, withTimes(live.Times{Touch: 10 * time.Millisecond}))
	s.window(1)
	gone := s.welcomed("/ws/device", s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	_ = gone.ws.Close()
	eventually(t, "both are touched", func() bool {
		return look(s.store, func() int { return len(s.store.touched) }) == 2
	})
}

func TestComingGoingAndFaultsAreTold(t *testing.T) {
	s := start(t)
	told := make(chan struct{}, 1)
	s.tablets.Notify(told)
	wait := func(what string) {
		t.Helper()
		select {
		case <-told:
		case <-time.After(patience):
			t.Fatalf("nobody was told that %s", what)
		}
	}
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	wait("the tablet came")
	sc.send(`{"type":"status","queued":900,"queue_ok":false}`)
	wait("its queue broke")
	sc.send(`{"type":"self_test","id":"` + factID(1).String() + `","at":"2026-11-21T02:42:07Z","place":"settlement-2","key_worked":true}`)
	wait("it passed its test")
	_ = sc.ws.Close()
	wait("the tablet went")
}

func TestSelfTestIsDueOnceADay(t *testing.T) {
	s := start(t, withTimes(live.Times{Ping: 100 * time.Millisecond, SelfTestOver: time.Millisecond}))
	due := make(chan struct{}, 8)
	tablet := s.window(1, func(o *tabletclient.Options) { o.OnSelfTestDue = func() { due <- struct{}{} } })
	wait := func(when string) {
		t.Helper()
		select {
		case <-due:
		case <-time.After(patience):
			t.Fatalf("the self-test was not asked for %s", when)
		}
	}
	wait("in the welcome")
	if _, err := tablet.SelfTest(within(t), true); err != nil {
		t.Fatal(err)
	}
	s.clock.set(noon.Add(24 * time.Hour))
	wait("on the next day")
	s.clock.set(noon.Add(30 * time.Hour)) // the same day, later
	if _, err := tablet.SelfTest(within(t), false); err != nil {
		t.Fatal(err)
	}
	s.clock.set(noon.Add(72 * time.Hour))
	wait("two days later, with yesterday's never passed")
	if n := len(due); n != 0 {
		t.Errorf("the test was asked for %d times too often", n)
	}

	s.store.change(func() {
		d := s.store.devices[deviceID(1)]
		d.LastTestAt, d.LastTestKeyWorked = noon.Add(72*time.Hour), true
		s.store.devices[deviceID(1)] = d
	})
	tablet.Break()
	eventually(t, "the tablet is back", func() bool { return !tablet.Welcome().SelfTestDue })
}

func TestReconnectStorm(t *testing.T) {
	const tablets = 1000
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	key := s.enrol(0, surveys.DeviceWindowTablet, "settlement-2")
	all := make([]*tabletclient.Tablet, tablets)
	var wg, running sync.WaitGroup
	for i := range all {
		id := tabletclient.Identity{Device: deviceID(i), Key: key.Key}
		s.store.change(func() {
			d := s.store.devices[key.Device]
			d.ID = id.Device
			s.store.devices[id.Device] = d
		})
		all[i] = tabletclient.New(tabletclient.Options{
			Server: tabletclient.Server{URL: s.http.URL, BufferBytes: 256}, Identity: id, Now: s.clock.now,
			FirstPause: 10 * time.Millisecond, LastPause: time.Second,
		})
		running.Go(func() { _ = all[i].Run(ctx) })
	}
	rateAll := func(round int) {
		t.Helper()
		for i := range all {
			wg.Go(func() {
				id := surveys.NewFactID(noon, [10]byte{6: byte(round), 7: 2, 8: byte(i >> 8), 9: byte(i)})
				if err := all[i].Ready(ctx); err != nil {
					t.Errorf("tablet %d: %v", i, err)
					return
				}
				if _, err := all[i].Rate(ctx, tabletclient.Rating{Grade: 4, Dwell: time.Second, ID: id}); err != nil {
					t.Errorf("tablet %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	}
	rateAll(1)
	for i := range all {
		all[i].Break()
	}
	rateAll(2)
	if n := look(s.store, func() int { return len(s.store.order) }); n != 2*tablets {
		t.Errorf("%d ratings are stored, want %d", n, 2*tablets)
	}
	if n := s.tablets.Connected("settlement-2"); n != tablets {
		t.Errorf("%d tablets are connected, want %d", n, tablets)
	}
	cancel()
	running.Wait()
}

func TestCloseSendsQueuedAcksFirst(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.store.hold()
	for n := range 20 {
		sc.send(rating(t, n, nil))
	}
	eventually(t, "the store has them", func() bool { return look(s.store, func() int { return len(s.store.queue) }) == 20 })
	closed := make(chan error, 1)
	go func() { closed <- s.tablets.Close(within(t)) }()
	select {
	case err := <-closed:
		t.Fatalf("closed (%v) while 20 facts were not answered", err)
	default:
	}
	s.store.release()
	code, before := sc.closed()
	if err := <-closed; code != live.CloseGoingAway || len(before) != 20 || err != nil {
		t.Errorf("closed with %d (%v) after %d acks, want %d after 20", code, err, len(before), live.CloseGoingAway)
	}
	for n, got := range before {
		if got != ack(n, surveys.OutcomeStored) {
			t.Errorf("answer %d is %s", n, got)
		}
	}
}

func TestCloseIsBounded(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.store.hold()
	sc.send(rating(t, 1, nil))
	eventually(t, "the store has it", func() bool { return look(s.store, func() int { return len(s.store.queue) }) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.tablets.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close gave %v, want that its time was over", err)
	}
	eventually(t, "every socket is cut off", func() bool { return s.tablets.Sockets() == 0 })
	s.store.release() // the late answer finds nobody, and harms nobody
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("a day", func(t *testing.T) {
		s := start(t)
		for n := range 20 {
			tablet := s.window(n)
			if _, err := tablet.Rate(within(t), tabletclient.Rating{Grade: 5, Dwell: time.Second}); err != nil {
				t.Fatal(err)
			}
			if n%2 == 0 {
				tablet.Break()
			}
		}
		s.tickets.give("t", live.Viewer{ID: "v", Audience: "office"})
		board := s.open("/ws/board")
		board.send(`{"type":"ticket","ticket":"t"}`)
		board.send(`{"type":"subscribe","period":"7d"}`)
		board.expect("snapshot")
	})
	eventually(t, fmt.Sprintf("goroutines are back to %d", before), func() bool { return runtime.NumGoroutine() <= before })
}
