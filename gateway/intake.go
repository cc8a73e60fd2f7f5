package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/hl7"
	"qingfeng/gateway/internal/intake"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
)

// intakeStore is the store as intake needs it.
type intakeStore struct{ store *sqlstore.Store }

// ApplyVisitChange implements intake.Store. What names nobody can never be
// taken; everything else the store cannot do now is tried again.
func (s intakeStore) ApplyVisitChange(ctx context.Context, c followup.VisitChange, at intake.Placement) (intake.Applied, error) {
	applied, err := s.store.ApplyVisitChange(ctx, c, sqlstore.Placement(at))
	switch {
	case errors.Is(err, sqlstore.ErrNoVisitNumber):
		return intake.Applied{}, intake.Refuse(surveys.Text{ZH: "没有就诊号，也找不到该患者的就诊", EN: "no visit number, and the patient has no visit it could mean"})
	case errors.Is(err, sqlstore.ErrNoPatientNumber):
		return intake.Applied{}, intake.Refuse(surveys.Text{ZH: "没有患者号", EN: "no patient number"})
	case err != nil:
		return intake.Applied{}, err
	}
	return intake.Applied{Outcome: intake.Outcome(applied.Outcome), Created: applied.Created}, nil
}

// newIntake makes the use case that all sources of visits feed.
func newIntake(cfg *config.Config, store intake.Store) (*intake.Intake, error) {
	aliases := intake.Aliases{
		Wards: map[string]surveys.PlaceID{}, Services: map[string]surveys.DepartmentID{}, Attendings: map[string]surveys.DepartmentID{},
	}
	for _, w := range cfg.Intake.Wards {
		aliases.Wards[w.Code] = w.Ward
	}
	for _, a := range cfg.Intake.Services {
		aliases.Services[a.Code] = a.Department
	}
	for _, a := range cfg.Intake.Attendings {
		aliases.Attendings[a.Code] = a.Department
	}
	mapping, err := intake.NewMapping(cfg.Organisation(), aliases)
	if err != nil {
		return nil, err
	}
	return intake.New(intake.Options{
		Store: store, Mapping: mapping, Region: cfg.Followup.DefaultRegion, Zone: cfg.Location(), Authorities: cfg.Intake.PatientAuthorities,
	})
}

// hl7Handler stores what HL7 messages tell.
type hl7Handler struct {
	in      *intake.Intake
	store   *sqlstore.Store
	changed func() // a visit may be due now
}

// ApplyVisitChange implements hl7.Handler.
func (h hl7Handler) ApplyVisitChange(ctx context.Context, c followup.VisitChange) error {
	_, err := h.in.Apply(ctx, c)
	if err == nil {
		h.changed()
	}
	return err
}

// KeepRejected implements hl7.Handler.
func (h hl7Handler) KeepRejected(ctx context.Context, r hl7.Rejected) error {
	return h.store.KeepRejected(ctx, sqlstore.Rejected{
		Source: r.Source, Reason: r.Reason.ZH + " / " + r.Reason.EN, Payload: []byte(r.Payload), At: r.ReceivedAt,
	})
}

// openIntake takes visits in; with an address for MLLP it listens there.
func (s *system) openIntake(ctx context.Context) error {
	in, err := newIntake(s.cfg, intakeStore{s.store})
	if err != nil {
		return err
	}
	s.intake = in
	if s.cfg.Intake.MLLP.Address == "" {
		return nil
	}
	server, err := hl7.New(hl7.Options{
		Handler: noting{hl7Handler{in, s.store, s.visitsChanged}, &s.hl7Last},
		Settings: hl7.Settings{
			Zone: s.cfg.Location(), Authorities: s.cfg.Intake.PatientAuthorities, InpatientClasses: s.cfg.Intake.InpatientClasses,
			ProductionOnly: s.cfg.Intake.ProductionOnly,
		},
		Peers: s.cfg.MLLPPeers(), Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Intake.MLLP.Address)
	if err != nil {
		return fmt.Errorf("listen for HL7 messages on %s: %w", s.cfg.Intake.MLLP.Address, err)
	}
	s.hl7, s.hl7Address = server, listener.Addr().String()
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		err := server.Serve(serving, listener)
		s.hl7Down.Store(true)
		if err != nil {
			s.log.Error("no HL7 messages come in any more; restart the gateway", "error", err)
		}
	})
	s.onClose("HL7 listener", func(context.Context) error {
		stop()
		done.Wait()
		return nil
	})
	return nil
}
