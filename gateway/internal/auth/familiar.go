package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// familiarFor is how long an address is familiar to an account after a
	// good sign-in.
	familiarFor = 30 * 24 * time.Hour
	// maxFamiliar bounds how many are remembered (about 150 bytes each). Beyond
	// it the one that signed in longest ago is forgotten.
	maxFamiliar = 10_000
)

// place is a name as it is typed at an address: what wrong passwords are
// counted by first. The name is kept as nameKey has it.
type place struct {
	name   string
	prefix netip.Prefix
}

// familiar remembers from where accounts signed in. It lives in memory: after a
// restart every address is strange until its next good sign-in.
type familiar struct {
	max int

	mu   sync.Mutex
	seen map[place]time.Time
}

func newFamiliar() *familiar { return &familiar{max: maxFamiliar, seen: make(map[place]time.Time)} }

func (f *familiar) note(p place, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.seen[p]; !known && len(f.seen) >= f.max {
		f.makeRoom(now)
	}
	f.seen[p] = now
}

func (f *familiar) has(p place, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.seen[p]
	return known && now.Sub(at) < familiarFor
}

func (f *familiar) makeRoom(now time.Time) {
	var oldest place
	var at time.Time
	for p, seen := range f.seen {
		if now.Sub(seen) >= familiarFor {
			delete(f.seen, p)
			continue
		}
		if at.IsZero() || seen.Before(at) {
			oldest, at = p, seen
		}
	}
	if len(f.seen) >= f.max {
		delete(f.seen, oldest)
	}
}
