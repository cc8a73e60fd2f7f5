package texting

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// lane is the way of texts to one carrier.
type lane struct {
	s       *Service
	carrier Carrier
	routes  []sqlstore.Route
	limiter *rate.Limiter
	health  health
	nudge   chan struct{} // capacity 1: a text was queued, a send has ended

	mu       sync.Mutex
	underWay int
	over     bool // the day's budget was spent at the last look
}

func newLane(s *Service, c Carrier, routes []sqlstore.Route) *lane {
	return &lane{
		s: s, carrier: c, routes: routes, limiter: newLimiter(s.opt.TextsPerSecond), nudge: make(chan struct{}, 1),
		health: health{state: StateOK, since: time.Now()},
	}
}

// run hands texts over until ctx ends, and waits for those under way.
func (l *lane) run(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	failures := 0
	for ctx.Err() == nil {
		n, pause := l.room(time.Now())
		if n > 0 {
			var err error
			if pause, err = l.handOver(ctx, n, &sending); err != nil && ctx.Err() == nil {
				l.s.trouble("take texts", err)
				failures++
				wait(ctx, min(l.s.opt.Poll<<min(failures, 16), lastSlow), nil)
				continue
			}
			failures = 0
		}
		if pause > 0 {
			wait(ctx, pause, l.nudge)
		}
	}
}

// room says how many texts may be taken from the queue now, or how long to
// wait. No text is taken before its turn, because one that was taken and not
// handed over must be found out after a crash.
func (l *lane) room(now time.Time) (n int, pause time.Duration) {
	l.mu.Lock()
	underWay := l.underWay
	l.mu.Unlock()
	free := l.s.opt.InFlight - underWay
	if free <= 0 {
		return 0, l.s.opt.Poll
	}
	tokens := l.limiter.TokensAt(now)
	if tokens < 1 {
		return 0, time.Duration((1-tokens)/float64(l.limiter.Limit())*float64(time.Second)) + time.Millisecond
	}
	n, pause = l.health.allowance(min(free, int(tokens)), underWay, now)
	if n == 0 && pause == 0 {
		pause = l.s.opt.Poll
	}
	return n, pause
}

// handOver takes up to n texts and sends each beside the others. The pause is
// until the next look: none while the queue gives all it is asked for.
func (l *lane) handOver(ctx context.Context, n int, sending *sync.WaitGroup) (pause time.Duration, err error) {
	now := l.s.opt.Now()
	taken, err := l.s.opt.Store.TakeTexts(ctx, sqlstore.Take{Now: now, Limit: n, Routes: l.routes, Budget: l.s.opt.Budget})
	if err != nil {
		return 0, err
	}
	l.budget(taken.OverBudget)
	hours := l.s.surveyHours(now)
	sent := 0
	for i := range taken.Texts {
		x := &taken.Texts[i]
		if survey(x.Message.Purpose) && !hours.open {
			sending.Go(func() { l.defers(ctx, x, hours.opens) })
			continue
		}
		sent++
		l.limiter.AllowN(time.Now(), 1)
		x.Message.ValidFor = l.s.validFor(&x.Message, hours)
		l.started(1)
		sending.Go(func() {
			defer func() { l.started(-1); signal(l.nudge) }()
			l.send(ctx, x)
		})
	}
	if sent < n {
		return l.s.opt.Poll, nil
	}
	return 0, nil
}

func (l *lane) started(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay += n
}

// budget notes whether texts wait because the day's money is spent.
func (l *lane) budget(over bool) {
	l.mu.Lock()
	before := l.over
	l.over = over
	l.mu.Unlock()
	if over && !before {
		l.s.opt.Logger.Warn("the day's budget for texts is spent; the rest waits until tomorrow, or until followup.daily_budget_yuan is raised",
			"carrier", l.carrier.Name(), "budget_yuan", l.s.opt.Budget.String())
	}
}

// defers puts a survey back that must not leave now: its hour is over, or
// surveys are switched off. Nothing was handed over.
func (l *lane) defers(ctx context.Context, x *sqlstore.TakenText, until time.Time) {
	l.s.firm.add(x.Message.ID)
	l.s.persist(ctx, "put survey back", func(ctx context.Context) error {
		_, err := l.s.opt.Store.RecordSendFailed(ctx, sqlstore.SendFailure{
			ID: x.Message.ID, Carrier: l.carrier.Name(), At: l.s.opt.Now(), RetryAt: until, Err: &texting.SendError{Class: texting.ClassLater},
		})
		return err
	})
}

// survey reports whether a text begins a survey or reminds of it, and so keeps
// to the hours of surveys. All others answer somebody who has just written.
func survey(p texting.Purpose) bool {
	return p == texting.PurposeInvite || p == texting.PurposeReminder
}

// surveyHours are the hours of surveys as they stand at a moment.
type surveyHours struct {
	open   bool
	opens  time.Time     // when closed: not before
	closes time.Duration // when open: for so long
}

const (
	// lookAgain is after how long surveys are looked at again while they are
	// switched off.
	lookAgain = 10 * time.Minute
	// leastValid is what a carrier is given at the end of the hours.
	leastValid = 10 * time.Minute
)

func (s *Service) surveyHours(now time.Time) surveyHours {
	if !s.opt.Enabled() {
		return surveyHours{opens: now.Add(lookAgain)}
	}
	h := s.opt.Rules.Hours
	next := h.NextHour(now)
	switch {
	case next.IsZero():
		return surveyHours{opens: now.Add(24 * time.Hour)}
	case next.After(now):
		return surveyHours{opens: next}
	}
	local := now.In(h.Zone)
	end := time.Date(local.Year(), local.Month(), local.Day(), 0, int(h.To/time.Minute), 0, 0, h.Zone)
	return surveyHours{open: true, closes: end.Sub(now)}
}

// validFor is how long the carrier may still deliver a text. The message comes
// with how long it is worth sending.
func (s *Service) validFor(m *texting.Message, hours surveyHours) time.Duration {
	valid := min(m.ValidFor, s.opt.ValidFor)
	if survey(m.Purpose) {
		valid = min(valid, max(hours.closes, leastValid))
	}
	return max(valid, time.Second)
}
