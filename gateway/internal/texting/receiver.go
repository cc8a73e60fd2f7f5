package texting

import (
	"context"
	"fmt"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// RecordInbound keeps a text a patient sent, and has it worked on afterwards.
// Once it returns nil the carrier may forget the text; the same carrier's id is
// the same text, however often it comes.
func (s *Service) RecordInbound(ctx context.Context, in texting.Inbound) error {
	if in.ReceivedAt.IsZero() {
		in.ReceivedAt = s.opt.Now()
	}
	id, fresh, err := s.opt.Store.RecordInbound(ctx, in)
	if err != nil {
		return fmt.Errorf("take inbound text: %w", err)
	}
	if fresh {
		s.inbound.arrived(id, in.From)
	}
	return nil
}

// RecordStatus keeps a carrier's report. Reports come in any order, twice, and
// before the send has returned. One that says that the number wants nothing
// more silences it.
func (s *Service) RecordStatus(ctx context.Context, r texting.StatusReport) error {
	if r.At.IsZero() {
		r.At = s.opt.Now()
	}
	done, err := s.opt.Store.RecordStatus(ctx, r)
	if err != nil {
		return fmt.Errorf("take status report: %w", err)
	}
	s.counted.reports.WithLabelValues(r.Carrier, string(r.Status)).Inc()
	if !done.Text.IsZero() && s.silences(&r) {
		return s.suppress(ctx, done.Text, &r)
	}
	return nil
}

func (s *Service) silences(r *texting.StatusReport) bool {
	if r.Code == "" || r.Status != texting.StatusRefused && r.Status != texting.StatusUndelivered {
		return false
	}
	for _, l := range s.lanes {
		if c, ok := l.carrier.(Classifier); ok && l.carrier.Name() == r.Carrier {
			return c.ClassOf(r.Code) == texting.ClassSuppress
		}
	}
	return false
}

func (s *Service) suppress(ctx context.Context, text surveys.FactID, r *texting.StatusReport) error {
	if err := s.opt.Store.SuppressNumberOf(ctx, text, r.Carrier, r.Code, s.opt.Now()); err != nil {
		return fmt.Errorf("take status report: %w", err)
	}
	return nil
}
