package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// This file is the patients: tablets that rate without rest, each rating only
// after the one before was acknowledged, as at a counter.

// prover is who enrols devices and opens prompts in the proofs.
var prover = sqlstore.Actor{Username: "proof"}

func newFactID(at time.Time) surveys.FactID {
	var random [10]byte
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	return surveys.NewFactID(at, random)
}

// enrol puts n devices of a kind into the store as if an administrator had
// approved them, spread over the places ("" for wall boards).
func (s *site) enrol(n int, kind surveys.DeviceKind, places ...surveys.PlaceID) []tabletclient.Identity {
	s.t.Helper()
	identities := make([]tabletclient.Identity, n)
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		var enrolling sync.WaitGroup
		for i := range n {
			enrolling.Go(func() {
				var err error
				if identities[i], err = enrolOne(ctx, store, kind, places[i%len(places)]); err != nil {
					s.t.Errorf("enrol a device: %v", err)
				}
			})
		}
		enrolling.Wait()
	})
	if s.t.Failed() {
		s.t.FailNow()
	}
	return identities
}

func enrolOne(ctx context.Context, store *sqlstore.Store, kind surveys.DeviceKind, place surveys.PlaceID) (tabletclient.Identity, error) {
	now := time.Now()
	id := tabletclient.Identity{Device: newFactID(now)}
	var err error
	if id.Key, err = tabletclient.NewKey(); err != nil {
		return id, err
	}
	point, err := tabletclient.PublicPoint(id.Key)
	if err != nil {
		return id, err
	}
	e := sqlstore.Enrolment{
		ID: newFactID(now), PublicKey: point, Kind: kind, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		CodeHash: sha256.Sum256(id.Device[:]), SecretHash: sha256.Sum256(id.Device[:]),
	}
	if err := store.CreateEnrolment(ctx, e); err != nil {
		return id, err
	}
	device := surveys.Device{ID: id.Device, Kind: kind, Place: place, Name: string(place)}
	_, err = store.ApproveEnrolment(ctx, e.CodeHash, now, device, prover)
	return id, err
}

// windows are the sample hospital's windows that have a tablet in the proofs.
var windows = []surveys.PlaceID{"registration-1", "settlement-1", "settlement-2", "discharge-1", "pharmacy-1", "pharmacy-2"}

// load is tablets with patients.
type load struct {
	*site
	ledger  *ledger
	tablets []*tabletclient.Tablet
	places  []surveys.PlaceID // of the tablets
	prompts map[surveys.PlaceID]chan surveys.FactID
	hands   int // patients a tablet serves at once
	random  *rand.Rand

	acks    atomic.Int64
	retries atomic.Int64
	hold    chan struct{}
	serving sync.WaitGroup
}

// newLoad enrols tablets and opens so many prompts, all in the store.
func newLoad(t *testing.T, s *site, tablets, prompts int) *load {
	t.Helper()
	l := &load{site: s, ledger: newLedger(t), prompts: map[surveys.PlaceID]chan surveys.FactID{}, hands: 3, random: seeded(t)}
	for _, place := range windows {
		l.prompts[place] = make(chan surveys.FactID, 100_000)
	}
	identities := s.enrol(tablets, surveys.DeviceWindowTablet, windows...)
	for i, id := range identities {
		l.places = append(l.places, windows[i%len(windows)])
		l.tablets = append(l.tablets, tabletclient.New(tabletclient.Options{
			Server: s.server(), Identity: id, FirstPause: 5 * time.Millisecond, LastPause: 20 * time.Millisecond,
			OnAck:   func(tabletclient.Ack) { l.acks.Add(1) },
			OnRetry: func(surveys.FactID, string) { l.retries.Add(1) },
		}))
	}
	l.openPrompts(prompts)
	return l
}

// openPrompts has transactions reported straight into the store.
func (l *load) openPrompts(n int) {
	l.t.Helper()
	l.withStore(func(ctx context.Context, store *sqlstore.Store) {
		var opening sync.WaitGroup
		for i := range n {
			opening.Go(func() {
				now, window := time.Now(), windows[i%len(windows)]
				p, _, err := store.CreatePrompt(ctx, surveys.Prompt{
					ID: newFactID(now), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
					Transaction: surveys.Transaction{Window: window, Kind: surveys.WindowSettlement, Number: surveys.TransactionNumber(fmt.Sprintf("T%d", i))},
				})
				if err != nil {
					l.t.Errorf("open a prompt: %v", err)
					return
				}
				l.prompts[window] <- p.ID
			})
		}
		opening.Wait()
	})
}

// connect turns the tablets on, until the test ends, and waits for their
// first welcome.
func (l *load) connect() {
	l.t.Helper()
	ctx := within(l.t, patience)
	for _, tablet := range l.tablets {
		go func() {
			if err := tablet.Run(l.t.Context()); err != nil {
				l.t.Errorf("a tablet was stopped: %v", err)
			}
		}()
	}
	for _, tablet := range l.tablets {
		if err := tablet.Ready(ctx); err != nil {
			l.t.Fatalf("a tablet was not welcomed: %v", err)
		}
	}
}

// begin lets patients come.
func (l *load) begin() {
	l.hold = make(chan struct{})
	for i, tablet := range l.tablets {
		for range l.hands {
			random := rand.New(rand.NewPCG(l.random.Uint64(), uint64(i)))
			l.serving.Go(func() { l.serve(tablet, l.places[i], random, l.hold) })
		}
	}
}

// drain lets no more patients in and waits until every rating is acknowledged.
func (l *load) drain() {
	l.t.Helper()
	close(l.hold)
	drained := make(chan struct{})
	go func() {
		l.serving.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(patience):
		l.t.Fatalf("ratings still wait for their ack %s after the last patient", patience)
	}
}

func (l *load) serve(tablet *tabletclient.Tablet, place surveys.PlaceID, random *rand.Rand, hold chan struct{}) {
	for {
		select {
		case <-hold:
			return
		case <-l.t.Context().Done():
			return
		default:
		}
		if !l.patient(tablet, place, random) {
			return
		}
	}
}

// patient rates once and sometimes says why; false: the test is over.
func (l *load) patient(tablet *tabletclient.Tablet, place surveys.PlaceID, random *rand.Rand) bool {
	ctx := l.t.Context()
	r := tabletclient.Rating{ID: newFactID(time.Now()), Grade: surveys.Grade(1 + random.IntN(5)), Dwell: 2 * time.Second}
	f := fact{surveys.EventRatingRecorded, place, surveys.SeriesUnasked, r.Grade}
	if random.IntN(2) == 0 {
		select {
		case r.Prompt = <-l.prompts[place]:
			f.series = surveys.SeriesAsked
		default: // nobody's transaction is open: the patient rates unasked
		}
	}
	l.ledger.make(r.ID, f)
	ack, err := tablet.Rate(ctx, r)
	if err != nil {
		return false
	}
	l.ledger.ack(ack)
	if random.IntN(8) > 0 {
		return true
	}
	ack, err = tablet.AddDetail(ctx, tabletclient.Detail{Rating: r.ID, Comment: "proof"})
	if err != nil {
		return false
	}
	f.kind = surveys.EventRatingDetailed
	l.ledger.make(ack.ID, f)
	l.ledger.ack(ack)
	return true
}

// fact is what a fact adds to the counts.
type fact struct {
	kind   surveys.EventKind
	place  surveys.PlaceID
	series surveys.Series
	grade  surveys.Grade
}

// ledger is what the patients did and what they were told became of it.
type ledger struct {
	t     *testing.T
	mu    sync.Mutex
	made  map[surveys.FactID]fact
	acked map[surveys.FactID]surveys.Outcome
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, made: map[surveys.FactID]fact{}, acked: map[surveys.FactID]surveys.Outcome{}}
}

func (l *ledger) make(id surveys.FactID, f fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made[id] = f
}

func (l *ledger) ack(a tabletclient.Ack) {
	if a.Outcome != surveys.OutcomeStored && a.Outcome != surveys.OutcomeDuplicate {
		l.t.Errorf("%s was acknowledged as %s, want stored or duplicate", a.ID, a.Outcome)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[a.ID] = a.Outcome
}

// count is how many facts are acknowledged, and how many of them as duplicates.
func (l *ledger) count() (acked, duplicates int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, outcome := range l.acked {
		if outcome == surveys.OutcomeDuplicate {
			duplicates++
		}
	}
	return len(l.acked), duplicates
}

func (l *ledger) ackedIDs() []surveys.FactID {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]surveys.FactID, 0, len(l.acked))
	for id := range l.acked {
		ids = append(ids, id)
	}
	return ids
}

// counts are the facts added up as the store should have them. An asked rating
// also says that its prompt was offered.
func (l *ledger) counts() map[fact]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[fact]int64{}
	for _, f := range l.made {
		counts[f]++
		if f.kind == surveys.EventRatingRecorded && f.series == surveys.SeriesAsked {
			counts[fact{surveys.EventPromptOffered, f.place, surveys.SeriesAsked, 0}]++
		}
	}
	return counts
}

// totals are a whole hospital's figures.
type totals struct {
	Offered, Asked, Unasked int64
	Grades                  [5]int64 // of the asked
}

func (l *ledger) totals() totals { return totalsOf(l.counts()) }

func totalsOf(counts map[fact]int64) totals {
	var sum totals
	for f, n := range counts {
		switch {
		case f.kind == surveys.EventPromptOffered:
			sum.Offered += n
		case f.kind != surveys.EventRatingRecorded:
		case f.series == surveys.SeriesUnasked:
			sum.Unasked += n
		default:
			sum.Asked += n
			sum.Grades[f.grade-1] += n
		}
	}
	return sum
}

// foldStore recounts a site's store from its facts.
func (s *site) foldStore() map[fact]int64 {
	s.t.Helper()
	counts := map[fact]int64{}
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		_, err := store.Fold(ctx, 0, func(e *surveys.Event, n int64) error {
			counts[fact{e.Kind, e.Place, e.Series, e.Grade}] += n
			return nil
		})
		if err != nil {
			s.t.Fatalf("fold the store: %v", err)
		}
	})
	return counts
}
