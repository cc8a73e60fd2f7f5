package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"qingfeng/analytics/redisstream"
	"qingfeng/surveys"
)

// Source is the SQL store as the relay needs it. Sequences start at 1 and have
// no gaps, except for what was pruned at the front.
type Source interface {
	// EventsAfter gives at most limit events with a higher sequence, in order.
	EventsAfter(ctx context.Context, after int64, limit int) ([]surveys.SequencedEvent, error)
	// LastSequence is the highest sequence ever given, pruned or not; 0: none.
	LastSequence(ctx context.Context) (int64, error)
	// Committed is signalled after commits that wrote events.
	Committed() <-chan struct{}
	// PruneEvents deletes events up to and including a sequence.
	PruneEvents(ctx context.Context, through int64) error
	// Fold yields every event, grouped, from one moment of the store, and gives
	// the last sequence contained. Days before fullFrom come without hours.
	Fold(ctx context.Context, fullFrom surveys.Day, yield func(e *surveys.Event, n int64) error) (watermark int64, err error)
	// StoreID is the store's random name. It outlives every change of the
	// node's, so that counts under an old name are not taken for another store's.
	StoreID(ctx context.Context) (string, error)
}

// Options are the supervisor's settings. Source, Client, Node and Zone are
// needed.
type Options struct {
	Source Source
	Client redis.UniversalClient // of redisstream.Open
	Node   string
	Zone   *time.Location
	Now    func() time.Time // tells the day; nil: time.Now
	Logger *slog.Logger     // nil: silent

	// FirstRetry is the pause after a first failure; it doubles up to LastRetry.
	// 0: 50 ms and 2 s.
	FirstRetry, LastRetry time.Duration
	// MaxAhead is how many events the stream may be ahead of the counts; more
	// wait in the store, where they take no memory. 0: 20,000.
	MaxAhead int64
	// PruneMargin is how many counted events stay in the store's outbox, so
	// that a Redis that came back a little older can go on from them. 0: 10,000.
	PruneMargin int64
	// Housekeeping is how often the outbox is pruned, and Redis asked whether it
	// still holds these counts. 0: 10 s.
	Housekeeping time.Duration
	// Patience is how long the counts may lag before Status says Behind. 0: 2 s.
	Patience time.Duration
	// HealEvery is the least time between two rebuilds after a dead letter; the
	// first comes at once. 0: 5 min.
	HealEvery time.Duration
	// RetryDelay and MaxDeliveries are the worker's; see redisstream.WorkerOptions.
	RetryDelay    time.Duration
	MaxDeliveries int64
}

func (o *Options) setDefaults() {
	durations := []struct {
		d        *time.Duration
		standard time.Duration
	}{
		{&o.FirstRetry, 50 * time.Millisecond}, {&o.LastRetry, 2 * time.Second},
		{&o.Housekeeping, 10 * time.Second}, {&o.Patience, 2 * time.Second},
		{&o.HealEvery, 5 * time.Minute},
	}
	for _, x := range durations {
		if *x.d <= 0 {
			*x.d = x.standard
		}
	}
	if o.MaxAhead <= 0 {
		o.MaxAhead = 20_000
	}
	if o.PruneMargin <= 0 {
		o.PruneMargin = 10_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Supervisor keeps one node's counts in Redis equal to its store.
type Supervisor struct {
	opt       Options
	publisher *redisstream.Publisher
	stepped   chan struct{} // capacity 1: the watermark moved
	poisoned  chan struct{} // capacity 1: an event was given up on

	mu       sync.Mutex
	status   Status
	rebuild  string    // why the next session must rebuild; empty: it need not
	healedAt time.Time // when a dead letter was last the reason
}

// errDeadLetter ends a session because counts lack an event the worker gave up
// on. The store has it, so a rebuild counts it.
var errDeadLetter = errors.New("an event went to the dead letters")

// New makes a supervisor; Run does the work.
func New(opt Options) (*Supervisor, error) {
	opt.setDefaults()
	if opt.Source == nil || opt.Client == nil || opt.Node == "" || opt.Zone == nil {
		return nil, errors.New("make supervisor: source, client, node and zone are needed")
	}
	publisher, err := redisstream.NewPublisher(opt.Client, opt.Node)
	if err != nil {
		return nil, err
	}
	return &Supervisor{
		opt: opt, publisher: publisher, stepped: make(chan struct{}, 1), poisoned: make(chan struct{}, 1),
		status: Status{State: StateConnecting, stateSince: time.Now(), targetAt: time.Now()},
	}, nil
}

// Run relays until ctx ends, through every loss of Redis, and returns ctx's
// error.
func (s *Supervisor) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	defer watching.Wait()
	pause := s.opt.FirstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > s.opt.LastRetry {
			pause = s.opt.FirstRetry
		}
		s.failed(err)
		if wait(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, s.opt.LastRetry)
	}
	s.enter(StateStopped)
	return ctx.Err()
}

// session is one life with Redis: look, rebuild if needed, relay and count
// until something fails.
func (s *Supervisor) session(ctx context.Context) error {
	s.enter(StateConnecting)
	epoch, why, err := s.look(ctx)
	if err != nil {
		return err
	}
	if why != "" {
		if epoch, err = s.renew(ctx, why); err != nil {
			return err
		}
	}
	// What the publisher knew is of an earlier life.
	s.publisher.Forget()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.relay(ctx) })
	g.Go(func() error { return s.keep(ctx, epoch) })
	g.Go(func() error { return s.heal(ctx) })
	g.Go(func() error {
		return redisstream.NewWorker(s.opt.Client, redisstream.WorkerOptions{
			Node: s.opt.Node, Epoch: epoch, Zone: s.opt.Zone, Now: s.opt.Now, Logger: s.opt.Logger,
			RetryDelay: s.opt.RetryDelay, MaxDeliveries: s.opt.MaxDeliveries,
			OnApplied: s.applied, OnDead: s.gaveUp,
		}).Run(ctx)
	})
	s.enter(StateRelaying)
	return g.Wait()
}

// look finds out whether Redis holds counts that can be gone on from; why says
// why not.
func (s *Supervisor) look(ctx context.Context) (epoch, why string, err error) {
	s.mu.Lock()
	why = s.rebuild
	s.mu.Unlock()
	state, err := redisstream.ReadState(ctx, s.opt.Client, s.opt.Node)
	switch {
	case redisstream.NeedsRebuild(err):
		return "", "what it holds makes no sense", nil
	case err != nil:
		return "", "", err
	case why != "":
		return "", why, nil
	case state.Epoch == "":
		return "", "it holds no counts", nil
	}
	id, err := s.opt.Source.StoreID(ctx)
	if err != nil {
		return "", "", err
	}
	last, err := s.opt.Source.LastSequence(ctx)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("read the last sequence: %w", err)
	case state.Store != id:
		return "", "it is not known to be of this store", nil
	case state.Watermark > last || state.StreamLast > last:
		return "", "it is ahead of the store", nil
	case state.StreamLast < state.Watermark:
		return "", "its stream is behind its counts", nil
	}
	same, err := s.sameHistory(ctx, state)
	if err != nil {
		return "", "", err
	}
	if !same {
		return "", "it counted another store's events", nil
	}
	s.reached(state)
	return state.Epoch, "", nil
}

// sameHistory compares the last event counted with the store's of that
// sequence: after a restore of an older store they differ.
func (s *Supervisor) sameHistory(ctx context.Context, state redisstream.State) (bool, error) {
	if state.Watermark == 0 || state.Mark == "" {
		return true, nil
	}
	mark, err := markOf(ctx, s.opt.Source, state.Watermark)
	return mark == state.Mark, err
}

// markOf is the mark of the store's event of a sequence; empty: pruned.
func markOf(ctx context.Context, source Source, sequence int64) (string, error) {
	if sequence == 0 {
		return "", nil
	}
	events, err := source.EventsAfter(ctx, sequence-1, 1)
	if err != nil {
		return "", fmt.Errorf("read the last event counted: %w", err)
	}
	if len(events) == 0 || events[0].Sequence != sequence {
		return "", nil
	}
	return redisstream.Mark(redisstream.EncodeEvent(&events[0].Event)), nil
}

// renew makes the counts anew from the store.
func (s *Supervisor) renew(ctx context.Context, why string) (epoch string, err error) {
	s.enter(StateRebuilding)
	s.opt.Logger.Info("making the counts in Redis anew from the store", "node", s.opt.Node, "why", why)
	result, err := Rebuild(ctx, s.target(), s.yesterday())
	if err != nil {
		return "", err
	}
	s.renewed(result)
	s.opt.Logger.Info("the counts in Redis are complete", "node", s.opt.Node, "watermark", result.Watermark,
		"cells", result.Cells, "took", result.Took)
	return result.Epoch, nil
}

func (s *Supervisor) target() Target {
	return Target{Source: s.opt.Source, Client: s.opt.Client, Node: s.opt.Node, Zone: s.opt.Zone, Now: s.opt.Now}
}

func (s *Supervisor) yesterday() surveys.Day {
	return surveys.DayOf(s.opt.Now(), s.opt.Zone).AddDays(-1)
}

// The relay waits before it looks: the commit that woke it has acknowledgements
// to send first, and what is published together costs Redis, the worker and the
// boards little more than one event alone.
const (
	// breath is the usual wait: a hundredth of a board's window.
	breath = time.Millisecond
	// longBreath is the wait in a flood of more than floodRate events a second:
	// some two hundred events together, and still well inside a board's window.
	longBreath = 15 * time.Millisecond
	floodRate  = 4000
)

// breathAfter is the wait after n events that came in the time since the last look.
func breathAfter(n int, since time.Duration) time.Duration {
	switch {
	case n >= redisstream.MaxBatch:
		return 0 // more waits already
	case float64(n) > floodRate*since.Seconds():
		return longBreath
	}
	return breath
}

// relay publishes the outbox in order.
func (s *Supervisor) relay(ctx context.Context) error {
	last, err := s.publisher.Last(ctx)
	if err != nil {
		return err
	}
	// The tick is a second string to the signal of a commit.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for looked := time.Now(); ; {
		if err := s.awaitWorker(ctx, last); err != nil {
			return err
		}
		events, err := s.opt.Source.EventsAfter(ctx, last, redisstream.MaxBatch)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		since := time.Since(looked)
		looked = looked.Add(since)
		if len(events) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.opt.Source.Committed():
			case <-tick.C:
			}
		} else {
			if err := s.publisher.Publish(ctx, events); err != nil {
				return err
			}
			last = events[len(events)-1].Sequence
		}
		if err := wait(ctx, breathAfter(len(events), since)); err != nil {
			return err
		}
	}
}

// awaitWorker waits while the stream is too far ahead of the counts.
func (s *Supervisor) awaitWorker(ctx context.Context, last int64) error {
	for last-s.watermark() > s.opt.MaxAhead {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stepped:
		}
	}
	return ctx.Err()
}

// heal waits until the counts lack an event that was given up on, and ends the
// session for a rebuild, not more often than every HealEvery: what is poison to
// the worker whenever it comes must not keep everybody busy.
func (s *Supervisor) heal(ctx context.Context) error {
	for {
		s.mu.Lock()
		lacking, pause := s.status.DeadLetters > 0, time.Until(s.healedAt.Add(s.opt.HealEvery))
		s.mu.Unlock()
		if !lacking {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.poisoned:
			}
			continue
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		s.mu.Lock()
		s.healedAt = time.Now()
		s.mu.Unlock()
		return errDeadLetter
	}
}

// keep prunes the outbox behind the counts, forgets old hours, and notices when
// the counts are lost or another's while nothing comes to be counted.
func (s *Supervisor) keep(ctx context.Context, epoch string) error {
	tick := time.NewTicker(s.opt.Housekeeping)
	defer tick.Stop()
	var pruned int64
	var cleaned surveys.Day
	for {
		if today := surveys.DayOf(s.opt.Now(), s.opt.Zone); today != cleaned {
			if err := redisstream.DropOldHours(ctx, s.opt.Client, s.opt.Node, today); err != nil {
				return err
			}
			cleaned = today
		}
		if through := s.watermark() - s.opt.PruneMargin; through > pruned {
			if err := s.opt.Source.PruneEvents(ctx, through); err != nil && ctx.Err() == nil {
				// Nothing is lost by it: the outbox is only longer than it need be.
				s.opt.Logger.Warn("the outbox could not be pruned; it will be tried again", "error", err)
			} else {
				pruned = through
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		state, err := redisstream.ReadState(ctx, s.opt.Client, s.opt.Node)
		if err != nil {
			return err
		}
		if state.Epoch != epoch || state.StreamLast < 0 {
			return fmt.Errorf("look after the counts: %w: they are of another epoch, or gone", redisstream.ErrLost)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
