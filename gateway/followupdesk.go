package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/hl7"
	"qingfeng/gateway/internal/httpapi"
	texts "qingfeng/gateway/internal/texting"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// followupDesk is what the desk sees and moves of the follow-up.
func (s *system) followupDesk() *httpapi.FollowupOptions {
	o := &httpapi.FollowupOptions{
		Store: s.store, Campaign: campaign{s}, Texting: carrierDesk{s}, Budget: s.cfg.Followup.DailyBudget(),
		MinAnswers: s.cfg.Board.MinAnswers,
	}
	if s.trialPhones() {
		o.Clock = demoDesk{s}
	}
	return o
}

// campaign is the follow-up's switch and its dry run.
type campaign struct{ s *system }

// DryRun implements httpapi.Campaign.
func (c campaign) DryRun(ctx context.Context) (*followup.DryRun, error) {
	return c.s.planner.DryRun(ctx)
}

// Running implements httpapi.Campaign.
func (c campaign) Running() bool { return c.s.inviting() }

// SetRunning implements httpapi.Campaign.
func (c campaign) SetRunning(ctx context.Context, running bool) error {
	if err := c.s.store.PauseFollowup(ctx, !running); err != nil {
		return err
	}
	c.s.paused.Store(!running)
	c.s.planner.Wake()
	c.s.texts.Wake()
	return nil
}

// carrierDesk tells how the carriers are.
type carrierDesk struct{ s *system }

// Carriers implements httpapi.Texting.
func (c carrierDesk) Carriers() []httpapi.CarrierStatus {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, err := c.s.texts.Status(ctx)
	if err != nil {
		c.s.log.Error("how the carriers are could not be read", "error", err)
		return nil
	}
	countries := map[string][]texting.Country{}
	for _, country := range c.s.cfg.Followup.AllowedCountries {
		name := c.s.cfg.Carriers.CarrierOf(country)
		countries[name] = append(countries[name], country)
	}
	var list []httpapi.CarrierStatus
	for _, carrier := range status.Carriers {
		one := httpapi.CarrierStatus{
			Name: carrier.Name, Simulated: carrier.Name == config.CarrierSimulator, Countries: countries[carrier.Name],
			Code: carrier.Code, Operator: carrier.Operator, LastSentAt: carrier.LastSuccess,
		}
		if carrier.State == texts.StateHalted || carrier.State == texts.StateProbing {
			one.HaltedAt = carrier.Since
		}
		list = append(list, one)
	}
	return list
}

// Resume implements httpapi.Texting.
func (c carrierDesk) Resume(_ context.Context, name string) error {
	if err := c.s.texts.Resume(name); err != nil {
		return fmt.Errorf("resume %s: %w", name, sqlstore.ErrNotFound)
	}
	return nil
}

// demoDesk moves the demo clock.
type demoDesk struct{ s *system }

// Offset implements httpapi.DemoClock.
func (d demoDesk) Offset() time.Duration { return time.Duration(d.s.clock.offset.Load()) }

// SetOffset implements httpapi.DemoClock.
func (d demoDesk) SetOffset(ctx context.Context, offset time.Duration, by sqlstore.Actor) error {
	if err := d.s.store.SetDemoOffset(ctx, offset, by); err != nil {
		return err
	}
	d.s.clock.offset.Store(int64(offset))
	d.s.planner.Wake()
	d.s.texts.Wake()
	return nil
}

// intakeDesk is what the desk sees of the visits that come in.
func (s *system) intakeDesk() *httpapi.IntakeOptions {
	o := &httpapi.IntakeOptions{Store: s.store, Import: s.intake}
	if s.hl7 != nil {
		o.HL7 = func() httpapi.HL7Status {
			return httpapi.HL7Status{Address: s.hl7Address, Listening: !s.hl7Down.Load(), Counts: s.hl7.Counts(), LastMessageAt: s.hl7Last.at()}
		}
	}
	return o
}

// moment is a time that may be read and set from anywhere.
type moment struct{ ms atomic.Int64 }

func (m *moment) set(t time.Time) { m.ms.Store(t.UnixMilli()) }

func (m *moment) at() time.Time {
	if ms := m.ms.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// noting notes when the last message came.
type noting struct {
	hl7.Handler
	last *moment
}

// ApplyVisitChange implements hl7.Handler.
func (n noting) ApplyVisitChange(ctx context.Context, c followup.VisitChange) error {
	n.last.set(time.Now())
	return n.Handler.ApplyVisitChange(ctx, c)
}

// KeepRejected implements hl7.Handler.
func (n noting) KeepRejected(ctx context.Context, r hl7.Rejected) error {
	n.last.set(time.Now())
	return n.Handler.KeepRejected(ctx, r)
}
