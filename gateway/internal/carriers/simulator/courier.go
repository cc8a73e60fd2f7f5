package simulator

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

const (
	// maxErrands bounds what waits to be reported; past it no text is taken.
	maxErrands = 50_000
	// runners report at the same time, so that reports may overtake each other,
	// as real ones do.
	runners = 8
	// errandTimeout bounds one report.
	errandTimeout = 10 * time.Second
	// maxTries and the pause that doubles from firstPause to maxPause make a
	// report come for about five minutes before it is given up.
	maxTries   = 14
	firstPause = 250 * time.Millisecond
	maxPause   = 30 * time.Second
)

// errand is something to tell the Receiver. run is tried again while it fails;
// begin comes once before the first try, then once after the last.
type errand struct {
	begin func()
	run   func(ctx context.Context, r Receiver) error
	then  func(err error)

	due   time.Time
	order int64 // errands of the same moment run in the order they came
	tries int
}

// courier runs errands at their time. Its goroutines live from start to close.
type courier struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
	wake   chan struct{}
	free   chan struct{} // one token for each runner at work

	mu      sync.Mutex
	waiting errands
	open    int // waiting or at work
	order   int64
}

func newCourier() *courier {
	ctx, cancel := context.WithCancel(context.Background())
	return &courier{ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), free: make(chan struct{}, runners)}
}

func (c *courier) start(r Receiver) { c.done.Go(func() { c.loop(r) }) }

func (c *courier) close() {
	c.cancel()
	c.done.Wait()
}

// stopped is closed once nothing more will be reported.
func (c *courier) stopped() <-chan struct{} { return c.ctx.Done() }

func (c *courier) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open >= maxErrands
}

func (c *courier) add(after time.Duration, e errand) {
	c.mu.Lock()
	c.open++
	c.push(after, &e)
	c.mu.Unlock()
	c.nudge()
}

// push is called with the lock held.
func (c *courier) push(after time.Duration, e *errand) {
	c.order++
	e.due, e.order = time.Now().Add(after), c.order
	heap.Push(&c.waiting, e)
}

func (c *courier) nudge() {
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (c *courier) loop(r Receiver) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		e, wait := c.next()
		if e != nil {
			select {
			case c.free <- struct{}{}:
			case <-c.ctx.Done():
				return
			}
			c.done.Go(func() {
				c.carry(r, e)
				<-c.free
			})
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-c.wake:
		case <-c.ctx.Done():
			return
		}
	}
}

// next takes the errand that is due, or says how long there is none.
func (c *courier) next() (*errand, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(c.waiting[0].due); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&c.waiting).(*errand), 0
}

// carry tries an errand once and puts it back if that failed.
func (c *courier) carry(r Receiver, e *errand) {
	if e.tries == 0 && e.begin != nil {
		e.begin()
	}
	ctx, cancel := context.WithTimeout(c.ctx, errandTimeout)
	err := e.run(ctx, r)
	cancel()
	e.tries++
	if err != nil && e.tries < maxTries && c.ctx.Err() == nil {
		c.mu.Lock()
		c.push(min(firstPause<<(e.tries-1), maxPause), e)
		c.mu.Unlock()
		c.nudge()
		return
	}
	if e.then != nil {
		e.then(err)
	}
	c.mu.Lock()
	c.open--
	c.mu.Unlock()
}

// errands is a heap by time.
type errands []*errand

func (h errands) Len() int { return len(h) }
func (h errands) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].order < h[j].order
	}
	return h[i].due.Before(h[j].due)
}
func (h errands) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *errands) Push(x any) { *h = append(*h, x.(*errand)) }

// Pop implements heap.Interface.
func (h *errands) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
