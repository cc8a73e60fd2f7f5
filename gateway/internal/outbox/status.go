package outbox

import (
	"context"
	"errors"
	"time"

	"qingfeng/analytics/redisstream"
)

// StateName is what the supervisor is at.
type StateName string

// States of the supervisor.
const (
	StateConnecting StateName = "connecting" // looking for Redis, or waiting to look again
	StateRebuilding StateName = "rebuilding" // making the counts anew from the store
	StateRelaying   StateName = "relaying"   // all is well
	StateStopped    StateName = "stopped"
)

// Status is the supervisor at one moment, for probes, metrics and boards.
type Status struct {
	State        StateName
	Watermark    int64 // last sequence known to be counted
	LastSequence int64 // last sequence in the store, as of a quarter of a second ago
	Lag          int64 // LastSequence − Watermark, never negative
	// Behind says that the counts have not reached for longer than Patience
	// what the store had, or that Redis was out of reach for so long; or that
	// they are Degraded.
	Behind bool
	// Degraded says that the counts lack events that were given up on. They are
	// made anew by themselves; the dead letters stay for a person to look at.
	Degraded    bool
	LastError   string // of the last failure; empty since all is well again
	DeadLetters int64  // events given up on since the counts were last made anew
	Rebuilds    int64  // since the process began

	stateSince time.Time
	target     int64 // what the counts should have reached …
	targetAt   time.Time
}

// watchEvery is how often the store is asked for its last sequence.
const watchEvery = 250 * time.Millisecond

// Status says how the supervisor is doing. It neither blocks nor asks anybody.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Lag = max(0, st.LastSequence-st.Watermark)
	st.Degraded = st.DeadLetters > 0
	st.Behind = st.Degraded || st.Watermark < st.target && time.Since(st.targetAt) > s.opt.Patience ||
		st.State != StateRelaying && time.Since(st.stateSince) > s.opt.Patience
	return st
}

func (s *Supervisor) watch(ctx context.Context) {
	for {
		// A store that cannot answer shows elsewhere; the last figure stands.
		if last, err := s.opt.Source.LastSequence(ctx); err == nil {
			s.mu.Lock()
			s.status.LastSequence = last
			if s.status.Watermark >= s.status.target {
				s.status.target, s.status.targetAt = last, time.Now()
			}
			s.mu.Unlock()
		}
		if wait(ctx, watchEvery) != nil {
			return
		}
	}
}

// enter notes a state. Its clock runs on through connecting and rebuilding, so
// that a Redis that fails again and again is noticed.
func (s *Supervisor) enter(state StateName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == StateRelaying || s.status.State == StateRelaying {
		s.status.stateSince = time.Now()
	}
	if state == StateRelaying {
		s.status.LastError = ""
	}
	s.status.State = state
}

// failed notes why a session ended, and whether the next one has to rebuild.
func (s *Supervisor) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	poison := errors.Is(err, errDeadLetter)
	if poison || redisstream.NeedsRebuild(err) {
		s.rebuild = err.Error()
	}
	if s.status.LastError == "" && !poison {
		s.opt.Logger.Warn("Redis failed; ratings are stored as before, boards show the last counts, trying again",
			"node", s.opt.Node, "error", err)
	}
	s.status.LastError = err.Error()
	if s.status.State == StateRelaying {
		s.status.State, s.status.stateSince = StateConnecting, time.Now()
	}
}

func (s *Supervisor) watermark() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.Watermark
}

// applied hears the worker's steps.
func (s *Supervisor) applied(watermark int64) {
	s.mu.Lock()
	s.status.Watermark = watermark
	s.mu.Unlock()
	select {
	case s.stepped <- struct{}{}:
	default:
	}
}

func (s *Supervisor) gaveUp(int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.DeadLetters++
	select {
	case s.poisoned <- struct{}{}:
	default:
	}
}

func (s *Supervisor) reached(state redisstream.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Watermark, s.status.DeadLetters = state.Watermark, state.DeadLetters
}

func (s *Supervisor) renewed(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rebuild = ""
	s.status.Rebuilds++
	s.status.Watermark, s.status.DeadLetters = r.Watermark, 0
}
