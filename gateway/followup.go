package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"qingfeng/gateway/internal/carriers/twilio"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/invite"
	texts "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// twilioCarrier adds what the codes in Twilio's status reports mean.
type twilioCarrier struct{ *twilio.Carrier }

// ClassOf implements texting.Classifier.
func (twilioCarrier) ClassOf(code string) texting.Class {
	number, err := strconv.Atoi(code)
	if err != nil {
		return ""
	}
	class, _, _ := twilio.Explain(number)
	return class
}

// openFollowup starts what invites discharged patients and talks with them.
func (s *system) openFollowup(ctx context.Context) error {
	if err := s.readSwitches(ctx); err != nil {
		return err
	}
	fleet, err := s.makeFleet()
	if err != nil {
		return err
	}
	s.fleet = fleet
	rules := s.cfg.FollowupRules()
	rules.Capabilities = fleet.capabilities(s.cfg)
	if s.texts, err = s.newTexts(rules); err != nil {
		return err
	}
	fleet.to.receiver = s.texts
	if fleet.simulated != nil {
		fleet.simulated.Start(s.texts)
	}
	if s.planner, err = s.newPlanner(rules); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	for what, run := range map[string]func(context.Context) error{"texts": s.texts.Run, "invitations": s.planner.Run} {
		loops.Go(func() {
			if err := run(running); err != nil && !errors.Is(err, context.Canceled) {
				s.log.Error("part of the follow-up stopped; restart the gateway", "part", what, "error", err)
			}
		})
	}
	s.onClose("follow-up", func(context.Context) error {
		stop()
		loops.Wait()
		return nil
	})
	return nil
}

func (s *system) newTexts(rules followup.Rules) (*texts.Service, error) {
	var routes []sqlstore.Route
	for _, country := range s.cfg.Followup.AllowedCountries {
		name := s.cfg.Carriers.CarrierOf(country)
		routes = append(routes, sqlstore.Route{Country: country, Carrier: name, PerSegment: s.cfg.Carriers.PriceOf(name, country)})
	}
	var carriers []texts.Carrier
	for _, name := range s.cfg.Carriers.InUse() {
		carriers = append(carriers, s.fleet.byName[name])
	}
	return texts.New(texts.Options{
		Store: s.store, Carriers: carriers, Routes: routes, Budget: s.cfg.Followup.DailyBudget(), Rules: rules, Templates: s.cfg.Templates(),
		Hotline: s.cfg.HotlineNumber(), ClueHotline: s.cfg.ClueHotlineNumber(), Place: s.cfg.Organisation().Place, Enabled: s.inviting,
		InFlight: s.cfg.Carriers.InFlight, TextsPerSecond: s.cfg.Carriers.TextsPerSecond, ValidFor: time.Duration(s.cfg.Carriers.ValidHours) * time.Hour,
		Now: s.clock.now, Registry: s.metrics, Logger: s.log,
	})
}

func (s *system) newPlanner(rules followup.Rules) (*invite.Planner, error) {
	return invite.New(invite.Options{
		Store: s.store, Rules: rules, Templates: s.cfg.Templates(), Hotline: s.cfg.HotlineNumber(), PublicURL: s.url, Form: s.cfg.FollowupForm(),
		Place: s.cfg.Organisation().Place, Price: s.price, Enabled: s.inviting, Now: s.clock.now, Registry: s.metrics, Logger: s.log,
	})
}

// price is what a segment to a country costs.
func (s *system) price(country texting.Country) surveys.Fen {
	return s.cfg.Carriers.PriceOf(s.cfg.Carriers.CarrierOf(country), country)
}

// inviting reports whether patients are invited: by the settings, and not
// paused from the desk.
func (s *system) inviting() bool { return s.cfg.Followup.Enabled && !s.paused.Load() }

// readSwitches takes up what officers set in an earlier life.
func (s *system) readSwitches(ctx context.Context) error {
	paused, err := s.store.FollowupPaused(ctx)
	if err != nil {
		return err
	}
	s.paused.Store(paused)
	if !s.trialPhones() {
		return nil // real patients are texted by the real clock
	}
	offset, err := s.store.DemoOffset(ctx)
	if err != nil {
		return err
	}
	s.clock.offset.Store(int64(offset))
	return nil
}

// trialPhones reports whether no text leaves this machine.
func (s *system) trialPhones() bool {
	return slices.Equal(s.cfg.Carriers.InUse(), []string{config.CarrierSimulator})
}

// visitsChanged has the planner look: somebody may be due.
func (s *system) visitsChanged() {
	if s.planner != nil {
		s.planner.Wake()
	}
}
