package live

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// minStrangers is how many strangers there may be at least, however few
	// sockets are allowed.
	minStrangers = 64
	// maxAddresses bounds how many addresses are remembered (about 150 bytes
	// each). Those with nobody waiting are forgotten first.
	maxAddresses = 10_000
)

// Seats counts the sockets of all doors that share it. A stranger, whose screen
// has not yet said who it is, takes no seat: strangers have a number of their
// own, and when it is reached the address that has most of them makes room. So
// nobody keeps enrolled screens out by opening sockets and saying nothing.
type Seats struct {
	limits Limits

	mu        sync.Mutex
	taken     int
	strangers int
	addresses map[string]*address
}

// address is where sockets come from: an IPv4 address or an IPv6 /64.
type address struct {
	waiting  []*seat // its strangers, oldest first
	arrivals bucket
}

// seat is one socket's place, first among the strangers.
type seat struct {
	seats *Seats

	// Under seats.mu:
	from  *address // nil: no longer a stranger
	taken bool
	sent  bool   // away, to make room
	cut   func() // breaks the connection off; nil: there is none yet
}

// NewSeats makes seats within the limits, whose zero fields take their defaults.
func NewSeats(limits Limits) *Seats {
	return &Seats{limits: limits.orDefaults(), addresses: map[string]*address{}}
}

// enter takes a stranger in, or gives the status and code to refuse it with.
func (s *Seats) enter(from string, now time.Time) (st *seat, status int, code string) {
	var cut func()
	defer func() {
		if cut != nil {
			cut() // without the lock: closing may take a moment
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.limits.Sockets {
		return nil, http.StatusServiceUnavailable, "too_many_sockets"
	}
	a := s.addressLocked(addressKey(from))
	if len(a.waiting) >= s.limits.PendingPerAddress {
		return nil, http.StatusTooManyRequests, "too_many_pending"
	}
	if !a.arrivals.take(now, s.limits.ArrivalsPerSecond, s.limits.ArrivalBurst) {
		return nil, http.StatusTooManyRequests, "too_many_arrivals"
	}
	if s.strangers >= s.limits.Strangers {
		old := s.makeRoomLocked(len(a.waiting))
		if old == nil {
			return nil, http.StatusServiceUnavailable, "too_many_strangers"
		}
		cut = old.cut
	}
	st = &seat{seats: s, from: a}
	a.waiting = append(a.waiting, st)
	s.strangers++
	return st, 0, ""
}

func (s *Seats) addressLocked(key string) *address {
	a := s.addresses[key]
	if a != nil {
		return a
	}
	if len(s.addresses) >= maxAddresses {
		for old, b := range s.addresses {
			if len(b.waiting) == 0 {
				delete(s.addresses, old)
			}
		}
	}
	a = &address{}
	s.addresses[key] = a
	return a
}

// makeRoomLocked sends the oldest stranger away of the address that has most of
// them and gives it, if those are more than the newcomer's own.
func (s *Seats) makeRoomLocked(own int) *seat {
	var most *address
	for _, a := range s.addresses {
		if len(a.waiting) > own && (most == nil || len(a.waiting) > len(most.waiting)) {
			most = a
		}
	}
	if most == nil {
		return nil
	}
	st := most.waiting[0]
	st.sent = true
	st.partLocked()
	return st
}

// connected says how the stranger's connection is broken off; false: it was
// sent away before there was one.
func (st *seat) connected(cut func()) bool {
	st.seats.mu.Lock()
	defer st.seats.mu.Unlock()
	st.cut = cut
	return !st.sent
}

// free reports whether there is a seat for a stranger that begins to say who it
// is.
func (st *seat) free() bool {
	st.seats.mu.Lock()
	defer st.seats.mu.Unlock()
	return !st.sent && st.seats.taken < st.seats.limits.Sockets
}

// sit gives the stranger, who is none any more, a seat. Those that say who they
// are at the same moment may be a few more than there are seats.
func (st *seat) sit() {
	st.seats.mu.Lock()
	defer st.seats.mu.Unlock()
	st.partLocked()
	st.taken = true
	st.seats.taken++
	st.cut = nil
}

// leave gives the place up, of whichever kind it is.
func (st *seat) leave() {
	st.seats.mu.Lock()
	defer st.seats.mu.Unlock()
	st.partLocked()
	if st.taken {
		st.taken = false
		st.seats.taken--
	}
}

// partLocked ends being a stranger.
func (st *seat) partLocked() {
	if st.from == nil {
		return
	}
	waiting := st.from.waiting
	for i := range waiting {
		if waiting[i] == st {
			copy(waiting[i:], waiting[i+1:])
			waiting[len(waiting)-1] = nil
			st.from.waiting = waiting[:len(waiting)-1]
			break
		}
	}
	if len(st.from.waiting) == 0 {
		st.from.waiting = nil
	}
	st.from = nil
	st.seats.strangers--
}

// addressKey is what limits count an address by: IPv6 addresses by their /64,
// which is what one subscriber is given.
func addressKey(text string) string {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return "" // unknown addresses share one
	}
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}
