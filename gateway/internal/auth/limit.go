package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds how many addresses a limiter remembers (about 200 bytes
// each). Beyond it the one not heard of for longest is forgotten.
const maxAddresses = 10_000

// AddressLimiter lets each address do something a number of times at once and
// then at a steady rate. IPv6 addresses count by their /64, which is what one
// subscriber is given.
type AddressLimiter struct {
	every rate.Limit
	burst int
	max   int

	mu     sync.Mutex
	recent *list.List // of *addressBucket, newest first
	bucket map[netip.Prefix]*list.Element
}

type addressBucket struct {
	prefix  netip.Prefix
	limiter *rate.Limiter
}

// NewAddressLimiter allows burst at once and one more after each interval.
func NewAddressLimiter(burst int, interval time.Duration) *AddressLimiter {
	return &AddressLimiter{
		every: rate.Every(interval), burst: burst, max: maxAddresses,
		recent: list.New(), bucket: make(map[netip.Prefix]*list.Element),
	}
}

// Allow takes one turn of the address. When there is none it says how long
// until the next.
func (l *AddressLimiter) Allow(addr netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.find(addressPrefix(addr))
	r := limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *AddressLimiter) find(prefix netip.Prefix) *rate.Limiter {
	if e, ok := l.bucket[prefix]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*addressBucket).limiter
	}
	if l.recent.Len() >= l.max {
		oldest := l.recent.Back()
		delete(l.bucket, oldest.Value.(*addressBucket).prefix)
		l.recent.Remove(oldest)
	}
	b := &addressBucket{prefix, rate.NewLimiter(l.every, l.burst)}
	l.bucket[prefix] = l.recent.PushFront(b)
	return b.limiter
}

func addressPrefix(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // an unknown address shares one bucket
	}
	return prefix
}

// TokenLimiter lets the holder of each token do something a number of times at
// once and then at a steady rate. It knows only tokens that were found good,
// so its size is bounded by how many of them there are.
type TokenLimiter struct {
	perSecond rate.Limit
	burst     int

	mu    sync.Mutex
	known map[[32]byte]*rate.Limiter
}

// NewTokenLimiter allows burst at once and then perSecond.
func NewTokenLimiter(perSecond, burst int) *TokenLimiter {
	return &TokenLimiter{perSecond: rate.Limit(perSecond), burst: burst, known: make(map[[32]byte]*rate.Limiter)}
}

// Know begins a token's own limit; call it when the token was found good.
func (l *TokenLimiter) Know(hash [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[hash] == nil {
		l.known[hash] = rate.NewLimiter(l.perSecond, l.burst)
	}
}

// Forget ends it: the token is good no longer.
func (l *TokenLimiter) Forget(hash [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, hash)
}

// Allow takes one turn of a known token. When there is none it says how long
// until the next. known is false for any other token, which takes no turn here.
func (l *TokenLimiter) Allow(hash [32]byte, now time.Time) (wait time.Duration, ok, known bool) {
	l.mu.Lock()
	limiter := l.known[hash]
	l.mu.Unlock()
	if limiter == nil {
		return 0, false, false
	}
	r := limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false, true
	}
	return 0, true, true
}
