package texting

import (
	"context"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// CarrierStatus is how one carrier is doing. Moments are by the service's clock.
type CarrierStatus struct {
	Name  string    `json:"name"`
	State State     `json:"state"`
	Since time.Time `json:"since"` // of the state
	// Code and Operator say what is wrong and what to do; empty when all is well.
	Code        string       `json:"code,omitempty"`
	Operator    surveys.Text `json:"operator,omitzero"`
	LastSuccess time.Time    `json:"last_success,omitzero"`
	RetryAt     time.Time    `json:"retry_at,omitzero"` // when it is tried again
	InFlight    int          `json:"in_flight"`
}

// Status is how sending is doing.
type Status struct {
	Carriers []CarrierStatus     `json:"carriers"`
	Counts   sqlstore.TextCounts `json:"counts"`
	Spent    surveys.Fen         `json:"spent_fen"`  // today
	Budget   surveys.Fen         `json:"budget_fen"` // of a day; 0: no bound
	// OverBudget says that texts wait because the day's budget is spent.
	OverBudget bool `json:"over_budget"`
	// Quiet says that surveys wait for their hours, until QuietUntil.
	Quiet      bool      `json:"quiet"`
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	Enabled    bool      `json:"enabled"` // surveys are sent
}

// Status tells how sending is doing.
func (s *Service) Status(ctx context.Context) (Status, error) {
	now := s.opt.Now()
	out := Status{Budget: s.opt.Budget, Enabled: s.opt.Enabled(), Carriers: []CarrierStatus{}}
	ahead := now.Sub(time.Now()) // the demo clock's way before the machine's
	for _, l := range s.lanes {
		out.Carriers = append(out.Carriers, l.status(ahead))
		l.mu.Lock()
		out.OverBudget = out.OverBudget || l.over
		l.mu.Unlock()
	}
	if next := s.opt.Rules.Hours.NextHour(now); !next.Equal(now) {
		out.Quiet, out.QuietUntil = true, next
	}
	var err error
	if out.Counts, err = s.opt.Store.TextCounts(ctx, now); err != nil {
		return Status{}, fmt.Errorf("tell how texting is doing: %w", err)
	}
	spent, err := s.opt.Store.Spent(ctx, surveys.DayOf(now, s.opt.Rules.Hours.Zone))
	if err != nil {
		return Status{}, fmt.Errorf("tell how texting is doing: %w", err)
	}
	for _, p := range spent {
		out.Spent += p.Cost
	}
	return out, nil
}

func (l *lane) status(ahead time.Duration) CarrierStatus {
	l.mu.Lock()
	underWay := l.underWay
	l.mu.Unlock()
	h := &l.health
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(ahead)
	}
	c := CarrierStatus{
		Name: l.carrier.Name(), State: h.state, Since: shown(h.since), Code: h.code, Operator: h.operator,
		LastSuccess: shown(h.success), InFlight: underWay,
	}
	if h.state != StateOK {
		c.RetryAt = shown(h.until)
	}
	if h.state == StateHalted && !h.until.After(time.Now()) {
		c.State = StateProbing
	}
	return c
}
