package twilio

import (
	"sync"
	"time"
)

const (
	// noticeEvery is how often the log repeats why webhooks are refused: whoever
	// forges them must not fill it.
	noticeEvery = time.Minute
	// maxNotices bounds what is remembered.
	maxNotices = 1000
)

// notices keeps the log from saying the same again and again.
type notices struct {
	now  func() time.Time
	mu   sync.Mutex
	last map[string]time.Time
}

func newNotices(now func() time.Time) *notices {
	return &notices{now: now, last: map[string]time.Time{}}
}

// once reports whether key was never said before.
func (n *notices) once(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, said := n.last[key]; said || len(n.last) >= maxNotices {
		return false
	}
	n.last[key] = n.now()
	return true
}

// due reports whether key was not said for noticeEvery.
func (n *notices) due(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if at, said := n.last[key]; said && now.Sub(at) < noticeEvery {
		return false
	}
	n.last[key] = now
	return true
}
