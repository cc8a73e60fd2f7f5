package texting

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"qingfeng/surveys/sqlstore"
)

// Service sends texts and works on what comes back. Make one with New, run it
// with Run; its Receiver methods may be called from New on.
type Service struct {
	opt     Options
	lanes   []*lane
	firm    *firm
	inbound *inbox
	house   chan struct{} // capacity 1: look at windows and reminders now
	counted *counters
	notices *notices
}

// New makes a service and registers its metrics.
func New(opt Options) (*Service, error) {
	if err := opt.check(); err != nil {
		return nil, fmt.Errorf("make texting: %w", err)
	}
	s := &Service{opt: opt, firm: newFirm(), inbound: newInbox(), house: make(chan struct{}, 1), notices: newNotices()}
	for _, c := range opt.Carriers {
		var routes []sqlstore.Route
		for _, r := range opt.Routes {
			if r.Carrier == c.Name() {
				routes = append(routes, r)
			}
		}
		s.lanes = append(s.lanes, newLane(s, c, routes))
	}
	var err error
	if s.counted, err = newCounters(s); err != nil {
		return nil, err
	}
	return s, nil
}

// newLimiter paces a carrier. What may leave at once is a twentieth of a
// second's texts, so that no second has more than its share.
func newLimiter(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/20))
}

// Run sends texts and works on replies until ctx ends. It then waits for what
// is being sent, at most SendTimeout, and returns nil; what could not be
// recorded by then is found out after the next start. It fails only when the
// store cannot say what the last run left behind.
func (s *Service) Run(ctx context.Context) error {
	lost, err := s.opt.Store.RecoverTexts(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("start texting: %w", err)
	}
	if lost > 0 {
		s.opt.Logger.Info("texts were being handed over when the gateway ended; whether they were taken is being found out", "texts", lost)
	}
	var loops sync.WaitGroup
	for _, l := range s.lanes {
		if len(l.routes) > 0 {
			loops.Go(func() { l.run(ctx) })
		}
	}
	for _, loop := range []func(context.Context){s.watchQueue, s.settleDoubts, s.workInbounds, s.keepHouse} {
		loops.Go(func() { loop(ctx) })
	}
	loops.Wait()
	return nil
}

// Wake has everything look now: the clock was moved, a switch was turned.
func (s *Service) Wake() {
	for _, l := range s.lanes {
		signal(l.nudge)
	}
	signal(s.house)
	signal(s.inbound.fresh)
}

// Resume ends the pause of a halted carrier: it is given one text, and the rest
// when it takes that.
func (s *Service) Resume(carrier string) error {
	for _, l := range s.lanes {
		if l.carrier.Name() == carrier {
			l.health.resume(time.Now())
			signal(l.nudge)
			return nil
		}
	}
	return fmt.Errorf("resume: %w", ErrNoCarrier)
}

// watchQueue passes the store's signal on to all lanes.
func (s *Service) watchQueue(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.opt.Store.TextsQueued():
			for _, l := range s.lanes {
				signal(l.nudge)
			}
		}
	}
}

// signal says "look" to whom reads ch.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// wait pauses until d is over, ch is signalled or ctx ends.
func wait(ctx context.Context, d time.Duration, ch <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ch:
	case <-ctx.Done():
	}
}

// noticeEvery is how often the log repeats a trouble that goes on.
const noticeEvery = time.Minute

// notices keeps the log from saying the same again and again.
type notices struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func newNotices() *notices { return &notices{last: map[string]time.Time{}} }

// due reports whether what was not said for noticeEvery. Callers pass fixed
// words, so that few are remembered.
func (n *notices) due(what string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, said := n.last[what]; said && now.Sub(at) < noticeEvery {
		return false
	}
	n.last[what] = now
	return true
}

// trouble logs that the store did not do something; it is tried again.
func (s *Service) trouble(what string, err error) {
	if s.notices.due(what, time.Now()) {
		s.opt.Logger.Error("the store fails; texts and replies wait until it works again", "what", what, "error", err)
	}
}
