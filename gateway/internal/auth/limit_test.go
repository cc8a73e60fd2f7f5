package auth

import (
	"net/netip"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)

func TestAddressLimiter(t *testing.T) {
	l := NewAddressLimiter(3, 10*time.Second)
	a, b := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.2.4")
	for i := range 3 {
		if _, ok := l.Allow(a, start); !ok {
			t.Fatalf("turn %d of 3 is refused", i+1)
		}
	}
	wait, ok := l.Allow(a, start)
	if ok || wait != 10*time.Second {
		t.Errorf("the fourth turn = %v, %v, want refused for 10 s", wait, ok)
	}
	if _, ok := l.Allow(b, start); !ok {
		t.Error("another address is refused")
	}
	if _, ok := l.Allow(netip.MustParseAddr("::ffff:10.1.2.3"), start); ok {
		t.Error("the same address in its IPv6 form has turns of its own")
	}
	if _, ok := l.Allow(a, start.Add(10*time.Second)); !ok {
		t.Error("after the wait the turn is refused, so refusals must have cost turns")
	}
}

func TestAddressLimiterCountsIPv6BySubscriber(t *testing.T) {
	l := NewAddressLimiter(1, time.Minute)
	if _, ok := l.Allow(netip.MustParseAddr("2001:db8:1:2::1"), start); !ok {
		t.Fatal("the first turn is refused")
	}
	if _, ok := l.Allow(netip.MustParseAddr("2001:db8:1:2:ffff::9"), start); ok {
		t.Error("another address of the same /64 has a turn of its own")
	}
	if _, ok := l.Allow(netip.MustParseAddr("2001:db8:1:3::1"), start); !ok {
		t.Error("another /64 is refused")
	}
}

func TestAddressLimiterForgets(t *testing.T) {
	l := NewAddressLimiter(1, time.Hour)
	l.max = 4
	addr := netip.MustParseAddr("10.0.0.1")
	first := addr
	for range 10 {
		l.Allow(addr, start)
		addr = addr.Next()
	}
	if l.recent.Len() != 4 || len(l.bucket) != 4 {
		t.Errorf("%d and %d addresses are remembered, want 4", l.recent.Len(), len(l.bucket))
	}
	if _, ok := l.Allow(first, start); !ok {
		t.Error("the oldest was not the one forgotten")
	}
	if _, ok := l.Allow(netip.Addr{}, start); !ok {
		t.Error("an unknown address has no bucket")
	}
}

func TestTries(t *testing.T) {
	const minute = time.Minute
	tries := NewTries[string](3, 10*minute, 10*minute)
	begin := func(key string, at time.Duration, wantOK bool, wantWait time.Duration) {
		t.Helper()
		if wait, ok := tries.Begin(key, start.Add(at)); ok != wantOK || wait != wantWait {
			t.Errorf("Begin(%s, +%v) = %v, %v, want %v, %v", key, at, wait, ok, wantWait, wantOK)
		}
	}
	begin("a", 0, true, 0)
	begin("a", minute, true, 0)
	begin("a", 2*minute, true, 0) // the third locks
	begin("a", 3*minute, false, 9*minute)
	begin("b", 3*minute, true, 0)
	begin("a", 12*minute, true, 0) // the lock is over, and counting starts again
	begin("a", 13*minute, true, 0)
	tries.Undo("a") // the last was right
	begin("a", 13*minute, true, 0)
	begin("a", 13*minute, true, 0)
	begin("a", 13*minute, false, 10*minute)
	begin("b", 14*minute, true, 0) // b's first is out of the window
	begin("b", 14*minute, true, 0)
	tries.Undo("b")
	begin("b", 14*minute, true, 0)
}

func TestTriesGiveBackALockThatWasRight(t *testing.T) {
	tries := NewTries[int](2, time.Minute, time.Minute)
	tries.Begin(1, start)
	tries.Begin(1, start) // counted as the second, but it is right
	tries.Undo(1)
	if _, ok := tries.Begin(1, start); !ok {
		t.Error("a right try locked the key")
	}
	tries.Undo(2) // never begun
}

func TestTriesForget(t *testing.T) {
	tries := NewTries[int](3, time.Minute, time.Minute)
	tries.maxKeys = 4
	for i := range 50 {
		tries.Begin(i, start.Add(time.Duration(i)*time.Second))
	}
	if len(tries.keys) > 4 {
		t.Errorf("%d keys are remembered, want at most 4", len(tries.keys))
	}
	if _, ok := tries.keys[49]; !ok {
		t.Error("the newest key was forgotten")
	}
}

func TestTickets(t *testing.T) {
	now := start
	tickets := NewTickets[string](func() time.Time { return now })
	issue := func(v string) string {
		t.Helper()
		text, expires, err := tickets.Issue(v)
		if err != nil || !expires.Equal(now.Add(30*time.Second)) {
			t.Fatalf("Issue = %v, %v, want it good for 30 s", expires, err)
		}
		return text
	}
	a, b, c := issue("a"), issue("b"), issue("c")
	if v, ok := tickets.Redeem(a); !ok || v != "a" {
		t.Errorf("Redeem = %q, %v, want a", v, ok)
	}
	if _, ok := tickets.Redeem(a); ok {
		t.Error("a ticket is good twice")
	}
	tickets.Void(func(v string) bool { return v == "b" })
	if _, ok := tickets.Redeem(b); ok {
		t.Error("a voided ticket is good")
	}
	now = now.Add(30 * time.Second)
	if _, ok := tickets.Redeem(c); ok {
		t.Error("a ticket is good after 30 s")
	}
	if _, ok := tickets.Redeem("nonsense"); ok {
		t.Error("nonsense is a ticket")
	}
}

func TestTicketsAreBounded(t *testing.T) {
	now := start
	tickets := NewTickets[int](func() time.Time { return now })
	tickets.max = 3
	for range 3 {
		if _, _, err := tickets.Issue(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := tickets.Issue(1); err != ErrBusy {
		t.Errorf("the fourth of three gives %v, want ErrBusy", err)
	}
	now = now.Add(TicketLife)
	if _, _, err := tickets.Issue(1); err != nil {
		t.Errorf("once the old ones ran out: %v", err)
	}
	if len(tickets.open) != 1 {
		t.Errorf("%d tickets are kept, want 1", len(tickets.open))
	}
}
