package live

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// stranger enters and counts being cut off.
func (s *Seats) stranger(t *testing.T, from string, cut *int) *seat {
	t.Helper()
	st, status, code := s.enter(from, time.Unix(0, 0))
	if st == nil {
		t.Fatalf("a stranger from %s is refused: %d %s", from, status, code)
	}
	if !st.connected(func() { *cut++ }) {
		t.Fatalf("a stranger from %s was sent away before it was connected", from)
	}
	return st
}

func (s *Seats) refused(t *testing.T, from string, now time.Time, status int, code string) {
	t.Helper()
	if st, gotStatus, gotCode := s.enter(from, now); st != nil || gotStatus != status || gotCode != code {
		t.Errorf("from %s: %v, %d %q, want refused with %d %q", from, st, gotStatus, gotCode, status, code)
	}
}

func TestStrangersTakeNoSeats(t *testing.T) {
	s := NewSeats(Limits{Sockets: 2, Strangers: 8, PendingPerAddress: 4})
	var cut int
	for i := range 8 {
		s.stranger(t, fmt.Sprintf("10.0.0.%d", i/4), &cut)
	}
	honest := s.stranger(t, "10.0.1.1", &cut)
	if cut != 1 {
		t.Errorf("%d strangers were sent away for a new address, want 1", cut)
	}
	if !honest.free() {
		t.Error("there is no seat although nobody has one")
	}
	honest.sit()
	s.stranger(t, "10.0.1.2", &cut).sit()
	s.refused(t, "10.0.1.3", time.Unix(0, 0), http.StatusServiceUnavailable, "too_many_sockets")
	honest.leave()
	honest.leave()
	late := s.stranger(t, "10.0.1.3", &cut)
	if !late.free() {
		t.Error("a seat that was left is not free")
	}
}

func TestStrangersOfOneAddressMakeRoom(t *testing.T) {
	s := NewSeats(Limits{Sockets: 100, Strangers: 4, PendingPerAddress: 3})
	var many, one int
	oldest := s.stranger(t, "2001:db8:1:2::1", &many)
	s.stranger(t, "2001:db8:1:2:ffff::9", &many)
	s.stranger(t, "2001:db8:1:2:3::4%eth0", &many)
	s.refused(t, "2001:db8:1:2::5", time.Unix(0, 0), http.StatusTooManyRequests, "too_many_pending")
	s.stranger(t, "::ffff:10.0.0.1", &one)
	s.stranger(t, "10.0.0.1", &one)
	if many != 1 || one != 0 {
		t.Errorf("the crowded prefix lost %d and the other %d, want 1 and 0", many, one)
	}
	if oldest.free() {
		t.Error("the stranger that was sent away may still say who it is")
	}
	oldest.leave()
	// Two against two: nobody has more than the newcomer's own.
	s.refused(t, "10.0.0.1", time.Unix(0, 0), http.StatusServiceUnavailable, "too_many_strangers")
	if s.strangers != 4 {
		t.Errorf("%d strangers are counted, want 4", s.strangers)
	}
}

func TestSentAwayBeforeConnected(t *testing.T) {
	s := NewSeats(Limits{Sockets: 100, Strangers: 2, PendingPerAddress: 2})
	first, _, _ := s.enter("10.0.0.1", time.Unix(0, 0))
	var cut int
	s.stranger(t, "10.0.0.1", &cut)
	s.stranger(t, "10.0.0.2", &cut)
	if first.connected(func() {}) {
		t.Error("a socket that was sent away during its upgrade stays")
	}
}

func TestArrivalsOfOneAddressAreSlowed(t *testing.T) {
	s := NewSeats(Limits{Sockets: 100, ArrivalsPerSecond: 10, ArrivalBurst: 5})
	var cut int
	for range 5 {
		s.stranger(t, "10.0.0.1", &cut).leave()
	}
	s.refused(t, "10.0.0.1", time.Unix(0, 0), http.StatusTooManyRequests, "too_many_arrivals")
	s.stranger(t, "10.0.0.2", &cut).leave()
	st, _, code := s.enter("10.0.0.1", time.Unix(0, int64(100*time.Millisecond)))
	if st == nil {
		t.Errorf("a tenth of a second later: %s", code)
	}
}

func TestAddressesAreForgotten(t *testing.T) {
	s := NewSeats(Limits{})
	var cut int
	s.stranger(t, "192.0.2.1", &cut)
	for i := range maxAddresses + 10 {
		s.stranger(t, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), &cut).leave()
	}
	if n := len(s.addresses); n > maxAddresses {
		t.Errorf("%d addresses are remembered, want at most %d", n, maxAddresses)
	}
	if len(s.addresses["192.0.2.1"].waiting) != 1 {
		t.Error("an address with a stranger was forgotten")
	}
}
