package texting

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

const (
	// inboundPage is how many replies are worked on in one round.
	inboundPage = 256
	// inboundShards is how many are worked on at one time. Replies of one number
	// are always of one shard, and so in their order.
	inboundShards = 8
	// inboundPolls is how often the store is asked for replies without a signal,
	// in polls for due texts: every reply of this run is signalled.
	inboundPolls = 10
)

// errPanic stands for a panic while working on a reply. What was panicked with
// may quote the reply.
var errPanic = errors.New("working on the reply panicked")

// inbox is what is known of replies that wait, beside what the store knows.
type inbox struct {
	fresh chan struct{} // capacity 1: a reply was stored
	seed  maphash.Seed

	mu     sync.Mutex
	shards map[sqlstore.InboundID]uint64
	failed map[sqlstore.InboundID]trouble
}

// trouble is a reply that could not be worked on.
type trouble struct {
	tries int
	until time.Time
}

func newInbox() *inbox {
	return &inbox{
		fresh: make(chan struct{}, 1), seed: maphash.MakeSeed(),
		shards: map[sqlstore.InboundID]uint64{}, failed: map[sqlstore.InboundID]trouble{},
	}
}

// arrived notes of which shard a reply is, and has it worked on.
func (b *inbox) arrived(id sqlstore.InboundID, from texting.Number) {
	b.mu.Lock()
	b.shards[id] = maphash.String(b.seed, from.E164()) % inboundShards
	b.mu.Unlock()
	signal(b.fresh)
}

// shard gives a reply's shard; false for one of an earlier run.
func (b *inbox) shard(id sqlstore.InboundID) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.shards[id]
	return n, ok
}

// prune forgets the shards of replies that were worked on before they were
// noted. One that is forgotten too early is worked on alone.
func (b *inbox) prune() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.shards) > 4*inboundPage {
		clear(b.shards)
	}
}

// ready reports whether a reply may be worked on, or when it may.
func (b *inbox) ready(id sqlstore.InboundID, now time.Time) (pause time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause = b.failed[id].until.Sub(now)
	return pause, pause <= 0
}

func (b *inbox) done(id sqlstore.InboundID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.shards, id)
	delete(b.failed, id)
}

// fail notes a try that failed and gives how many there were.
func (b *inbox) fail(id sqlstore.InboundID, first time.Duration, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.failed[id]
	t.tries++
	t.until = now.Add(first << min(t.tries-1, 16))
	b.failed[id] = t
	return t.tries
}

// workInbounds works on replies until ctx ends.
func (s *Service) workInbounds(ctx context.Context) {
	for ctx.Err() == nil {
		pause := s.workRound(ctx)
		if pause > 0 {
			wait(ctx, pause, s.inbound.fresh)
		}
	}
}

// workRound works on what waits, and gives the time until the next look.
func (s *Service) workRound(ctx context.Context) time.Duration {
	list, err := s.opt.Store.PendingInbounds(ctx, inboundPage)
	if err != nil {
		if ctx.Err() == nil {
			s.trouble("list pending inbounds", err)
		}
		return s.opt.Poll
	}
	pause, more := inboundPolls*s.opt.Poll, len(list) == inboundPage
	if !more {
		s.inbound.prune()
	}
	var ready []sqlstore.InboundID
	for _, id := range list {
		if left, ok := s.inbound.ready(id, time.Now()); !ok {
			pause = min(pause, left)
			continue
		}
		ready = append(ready, id)
	}
	failed := s.workAll(ctx, ready)
	switch {
	case failed:
		return min(pause, s.opt.InboundRetry)
	case more && len(ready) > 0:
		return 0
	}
	return pause
}

// workAll works on replies, those of different numbers beside each other. One
// whose number is not known beforehand is worked on alone.
func (s *Service) workAll(ctx context.Context, list []sqlstore.InboundID) (failed bool) {
	var shards [inboundShards][]sqlstore.InboundID
	var mu sync.Mutex
	work := func(ids []sqlstore.InboundID) {
		for _, id := range ids {
			if ctx.Err() == nil && !s.workOn(ctx, id) {
				mu.Lock()
				failed = true
				mu.Unlock()
			}
		}
	}
	flush := func() {
		var working sync.WaitGroup
		for i := range shards {
			if ids := shards[i]; len(ids) > 0 {
				working.Go(func() { work(ids) })
			}
			shards[i] = nil
		}
		working.Wait()
	}
	for _, id := range list {
		if n, known := s.inbound.shard(id); known {
			shards[n] = append(shards[n], id)
			continue
		}
		flush()
		work([]sqlstore.InboundID{id})
	}
	flush()
	return failed
}

// workOn works on one reply and reports whether it is done. One that cannot be
// worked on is tried again, and set aside at last so that a person looks at it:
// a store that does not work sets nothing aside.
func (s *Service) workOn(ctx context.Context, id sqlstore.InboundID) bool {
	err := s.converse(ctx, id)
	switch {
	case err == nil, errors.Is(err, sqlstore.ErrNotFound):
		s.inbound.done(id)
		return true
	case ctx.Err() != nil:
		return false
	case errors.Is(err, sqlstore.ErrUnavailable), errors.Is(err, sqlstore.ErrBusy), errors.Is(err, sqlstore.ErrClosed):
		s.trouble("work on inbound text", err)
		return false
	}
	if tries := s.inbound.fail(id, s.opt.InboundRetry, time.Now()); tries < s.opt.InboundTries {
		s.opt.Logger.Warn("a reply could not be worked on; it is tried again", "inbound", int64(id), "tries", tries, "error", err)
		return false
	}
	if err := s.opt.Store.SetInboundAside(ctx, id); err != nil {
		s.trouble("set inbound text aside", err)
		return false
	}
	s.opt.Logger.Error("a reply could not be worked on and is set aside; it is kept, and nothing was answered", "inbound", int64(id), "error", err)
	s.counted.inbounds.WithLabelValues(string(sqlstore.InboundFailed)).Inc()
	s.inbound.done(id)
	return true
}

// converse works on one reply.
func (s *Service) converse(ctx context.Context, id sqlstore.InboundID) (err error) {
	outcome := sqlstore.InboundOutcome("")
	err = s.opt.Store.Converse(ctx, id, func(x *sqlstore.Exchange) (reply *sqlstore.Reply, err error) {
		defer func() {
			if r := recover(); r != nil {
				reply, err = nil, fmt.Errorf("%w: %T", errPanic, r)
			}
		}()
		reply, err = s.reply(ctx, x)
		if err == nil {
			outcome = reply.Outcome
		}
		return reply, err
	})
	if err == nil && outcome != "" {
		s.counted.inbounds.WithLabelValues(string(outcome)).Inc()
	}
	return err
}
