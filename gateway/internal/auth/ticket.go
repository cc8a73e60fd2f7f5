package auth

import (
	"sync"
	"time"
)

const (
	// TicketLife is how long a board ticket is good for: the time a page needs
	// to open its socket.
	TicketLife = 30 * time.Second
	// maxTickets bounds the unused tickets; beyond it new ones are refused
	// until some have run out.
	maxTickets = 1000
)

// Tickets are single-use passes with which a signed-in officer's page opens
// the board's socket; what a ticket stands for is T. They live in memory: a
// restart voids them, and the page asks for another.
type Tickets[T any] struct {
	now func() time.Time
	max int

	mu   sync.Mutex
	open map[[32]byte]ticket[T]
}

type ticket[T any] struct {
	value   T
	expires time.Time
}

// NewTickets makes an empty set that reads the clock now.
func NewTickets[T any](now func() time.Time) *Tickets[T] {
	return &Tickets[T]{now: now, max: maxTickets, open: make(map[[32]byte]ticket[T])}
}

// Issue makes a ticket for v. ErrBusy: too many are open.
func (t *Tickets[T]) Issue(v T) (text string, expires time.Time, err error) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) >= t.max {
		for hash, old := range t.open {
			if !now.Before(old.expires) {
				delete(t.open, hash)
			}
		}
		if len(t.open) >= t.max {
			return "", time.Time{}, ErrBusy
		}
	}
	text, hash := NewSecret()
	expires = now.Add(TicketLife)
	t.open[hash] = ticket[T]{v, expires}
	return text, expires, nil
}

// Redeem takes a ticket: it is good once, before it expires. It is found by
// its hash, so the time taken says nothing of other tickets.
func (t *Tickets[T]) Redeem(text string) (v T, ok bool) {
	hash, ok := HashSecret(text)
	if !ok {
		return v, false
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.open[hash]
	delete(t.open, hash)
	if !ok || !now.Before(found.expires) {
		return v, false
	}
	return found.value, true
}

// Void drops the open tickets whose value matches: an account that was
// disabled has none.
func (t *Tickets[T]) Void(match func(T) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, open := range t.open {
		if match(open.value) {
			delete(t.open, hash)
		}
	}
}
