package invite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

const (
	// batch is how many invitations are queued in one transaction; no more are
	// held in memory at a time.
	batch = 500
	// redraws is how often a code is drawn anew that another open survey has.
	redraws = 10
	// ahead is how far ahead of our clock a discharge may lie and still be looked
	// at, so that its reason is told.
	ahead = 24 * time.Hour
	// samples is how many visits of each reason a dry run shows.
	samples = 20
	// restFactor is how long the planner rests after a round, in times of the
	// round: a store full of visits that nobody is asked about is not read all day.
	restFactor = 5
)

// Planned is what one round did.
type Planned struct {
	At      time.Time                       `json:"at"`
	Looked  int64                           `json:"looked"`
	Outcome map[sqlstore.QueueOutcome]int64 `json:"outcome"` // of those that were to be invited
	Refused map[followup.Reason]int64       `json:"refused"`
}

// Planner invites. Make one with New and run it with Run.
type Planner struct {
	opt     Options
	wake    chan struct{} // capacity 1: look now
	queued  *prometheus.CounterVec
	seconds prometheus.Gauge

	planning sync.Mutex // one round at a time
	mu       sync.Mutex
	last     Planned
}

// New makes a planner and registers its metrics.
func New(opt Options) (*Planner, error) {
	if err := opt.check(); err != nil {
		return nil, fmt.Errorf("make planner: %w", err)
	}
	p := &Planner{
		opt: opt, wake: make(chan struct{}, 1),
		queued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qingfeng_invitations_planned_total", Help: "Invitations handed to the store, by what became of them.",
		}, []string{"outcome"}),
		seconds: prometheus.NewGauge(prometheus.GaugeOpts{Name: "qingfeng_planning_seconds", Help: "How long the last round of planning took."}),
	}
	for _, c := range []prometheus.Collector{p.queued, p.seconds} {
		if err := opt.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return p, nil
}

// Wake has the planner look now: visits came in, the clock was moved, the
// switch was turned.
func (p *Planner) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Last is what the last round did; its At is zero before the first.
func (p *Planner) Last() Planned {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Run plans until ctx ends, and returns nil. A round that fails is logged and
// made again.
func (p *Planner) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		if p.opt.Enabled() {
			if _, err := p.Plan(ctx); err != nil && ctx.Err() == nil {
				p.opt.Logger.Error("invitations could not be planned; it is tried again", "error", err)
			}
		}
		timer := time.NewTimer(max(p.opt.Every, restFactor*time.Since(began)))
		select {
		case <-timer.C:
		case <-p.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// window is what is looked at: visits that ended within the rules' window.
func (p *Planner) window(now time.Time) sqlstore.CandidateWindow {
	return sqlstore.CandidateWindow{From: now.Add(-p.opt.Rules.Window), To: now.Add(ahead)}
}

// Plan makes one round: it queues an invitation for every visit that is to be
// asked about and has none. It holds one batch in memory, however many there
// are, and what was queued before an error stays queued.
func (p *Planner) Plan(ctx context.Context) (Planned, error) {
	p.planning.Lock()
	defer p.planning.Unlock()
	began, now := time.Now(), p.opt.Now()
	r := round{p: p, now: now, list: make([]sqlstore.NewInvitation, 0, batch), done: Planned{
		At: now, Outcome: map[sqlstore.QueueOutcome]int64{}, Refused: map[followup.Reason]int64{},
	}}
	window := p.window(now)
	window.Uninvited = true
	err := p.opt.Store.Candidates(ctx, window, func(c *sqlstore.Candidate) error { return r.look(ctx, c) })
	if err == nil {
		err = r.flush(ctx)
	}
	if err != nil {
		return r.done, fmt.Errorf("plan invitations: %w", err)
	}
	p.seconds.Set(time.Since(began).Seconds())
	p.mu.Lock()
	p.last = r.done
	p.mu.Unlock()
	return r.done, nil
}

// round is one round of planning.
type round struct {
	p    *Planner
	now  time.Time
	list []sqlstore.NewInvitation
	done Planned
}

func (r *round) look(ctx context.Context, c *sqlstore.Candidate) error {
	r.done.Looked++
	decision := followup.Decide(followup.Candidate(*c), r.p.opt.Rules, r.now)
	if !decision.Invited() {
		r.done.Refused[decision.Reason]++
		return nil
	}
	n, err := r.p.invitation(c, &decision, r.now)
	if err != nil {
		return err
	}
	r.list = append(r.list, n)
	if len(r.list) < batch {
		return nil
	}
	return r.flush(ctx)
}

// flush queues the batch, and draws new codes for those whose code is taken.
func (r *round) flush(ctx context.Context) error {
	for try := 0; len(r.list) > 0; try++ {
		outcomes, err := r.p.opt.Store.QueueInvitations(ctx, r.list)
		if err != nil {
			return err
		}
		again := r.list[:0]
		for i, o := range outcomes {
			if o == sqlstore.QueueCodeTaken && try < redraws {
				again = append(again, r.list[i])
				continue
			}
			r.done.Outcome[o]++
			r.p.queued.WithLabelValues(string(o)).Inc()
		}
		r.list = again
		for i := range r.list {
			if err := r.p.key(&r.list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// invitation makes the invitation of a visit with its first text.
func (p *Planner) invitation(c *sqlstore.Candidate, d *followup.Decision, now time.Time) (sqlstore.NewInvitation, error) {
	v := &c.Visit
	// The first text may leave until the rules' window is over, whatever keeps it.
	worth := v.DischargedAt.Add(p.opt.Rules.Window).Sub(d.DueAt)
	n := sqlstore.NewInvitation{
		Invitation: followup.Invitation{
			Visit: v.ID, Form: d.Form, Mode: d.Mode, Language: p.opt.Language(v.Country), Place: v.Place, DueAt: d.DueAt, ClosesAt: d.ClosesAt,
		},
		Text: sqlstore.NewText{DueAt: d.DueAt, Message: texting.Message{Purpose: texting.PurposeInvite, ValidFor: worth}},
	}
	n.Invitation.ID, n.Text.Message.ID = newID(now), newID(now)
	return n, p.key(&n)
}

// key draws the token or the code of an invitation and words its text with it.
func (p *Planner) key(n *sqlstore.NewInvitation) error {
	i := &n.Invitation
	var own []texting.Variable
	switch i.Mode {
	case surveys.ModeLink:
		token, hash := Token()
		n.TokenHash = hash
		own = append(own, p.link(token))
	case surveys.ModeCode:
		drawn, err := code()
		if err != nil {
			return err
		}
		n.Code = drawn
		own = append(own, codeVariable(drawn))
	}
	t := p.thread(i.Place, i.Mode, i.Language)
	text, err := p.word(t.Ask(texting.PurposeInvite), own...)
	if err != nil {
		return err
	}
	n.Text.Segments = text.Length.Segments
	n.Text.Message.Language, n.Text.Message.Body, n.Text.Message.Variables = i.Language, text.Body, text.Variables
	return nil
}

// DryRun adds up what a round would do now, and what it would cost. It stores
// nothing.
func (p *Planner) DryRun(ctx context.Context) (*followup.DryRun, error) {
	now := p.opt.Now()
	run := followup.NewDryRun(p.opt.Rules.Hours, samples)
	known := map[costKey]segments{}
	err := p.opt.Store.Candidates(ctx, p.window(now), func(c *sqlstore.Candidate) error {
		decision := followup.Decide(followup.Candidate(*c), p.opt.Rules, now)
		if !decision.Invited() {
			run.Add((*followup.Candidate)(c), decision, followup.Cost{})
			return nil
		}
		k := costKey{c.Visit.Place, decision.Mode, p.opt.Language(c.Visit.Country)}
		s, ok := known[k]
		if !ok {
			var err error
			if s, err = p.measure(k); err != nil {
				return err
			}
			known[k] = s
		}
		price := p.opt.Price(c.Visit.Country)
		run.Add((*followup.Candidate)(c), decision, followup.Cost{
			LeastSegments: s.least, MostSegments: s.most, Least: surveys.Fen(s.least) * price, Most: surveys.Fen(s.most) * price,
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	return run, nil
}
