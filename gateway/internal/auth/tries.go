package auth

import (
	"sync"
	"time"
)

// Tries counts wrong tries per key: max of them inside window stop the key for
// lock. A try is counted before it is known to be wrong and given back when it
// was right, so that many at once cannot slip past the limit.
type Tries[K comparable] struct {
	max          int
	window, lock time.Duration
	maxKeys      int

	mu   sync.Mutex
	keys map[K]*tryCount
}

type tryCount struct {
	since  time.Time // of the first try in the window
	count  int
	locked time.Time // zero: not locked
}

// maxTryKeys bounds how many keys are remembered (about 150 bytes each).
const maxTryKeys = 10_000

// NewTries allows max wrong tries inside window, then none for lock.
func NewTries[K comparable](max int, window, lock time.Duration) *Tries[K] {
	return &Tries[K]{max: max, window: window, lock: lock, maxKeys: maxTryKeys, keys: make(map[K]*tryCount)}
}

// Begin counts a try. When the key is stopped it says for how long yet.
func (t *Tries[K]) Begin(key K, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.keys[key]
	if c == nil {
		if len(t.keys) >= t.maxKeys {
			t.makeRoom(now)
		}
		c = &tryCount{since: now}
		t.keys[key] = c
	}
	if wait = c.locked.Sub(now); !c.locked.IsZero() && wait > 0 {
		return wait, false
	}
	if !c.locked.IsZero() || now.Sub(c.since) >= t.window {
		*c = tryCount{since: now}
	}
	c.count++
	if c.count >= t.max {
		c.locked = now.Add(t.lock)
	}
	return 0, true
}

// Locked reports whether the key is stopped.
func (t *Tries[K]) Locked(key K, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.keys[key]
	return c != nil && c.locked.After(now)
}

// Since gives when the first of the key's tries in the window was; zero: there
// was none.
func (t *Tries[K]) Since(key K) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.keys[key]; c != nil {
		return c.since
	}
	return time.Time{}
}

// Locks calls yield with every key that is stopped at now: since the first of
// its tries, and until when.
func (t *Tries[K]) Locks(now time.Time, yield func(key K, since, until time.Time)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, c := range t.keys {
		if c.locked.After(now) {
			yield(key, c.since, c.locked)
		}
	}
}

// Forget starts the key's count anew.
func (t *Tries[K]) Forget(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.keys, key)
}

// Undo gives back a try that was right.
func (t *Tries[K]) Undo(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.keys[key]
	if c == nil {
		return
	}
	if c.count--; c.count < t.max {
		c.locked = time.Time{}
	}
	if c.count <= 0 {
		delete(t.keys, key)
	}
}

// makeRoom forgets keys that are no longer counted, and when every key is, the
// one whose first try is oldest.
func (t *Tries[K]) makeRoom(now time.Time) {
	var oldest K
	var oldestSince time.Time
	for key, c := range t.keys {
		if now.Sub(c.since) >= t.window && !c.locked.After(now) {
			delete(t.keys, key)
			continue
		}
		if oldestSince.IsZero() || c.since.Before(oldestSince) {
			oldest, oldestSince = key, c.since
		}
	}
	if len(t.keys) >= t.maxKeys {
		delete(t.keys, oldest)
	}
}
