package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/gateway/internal/outbox"
	"qingfeng/surveys"
)

const today = surveys.Day(20261121)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// store is a store in memory: it keeps every event as the facts would be, and
// the outbox rows that are not pruned.
type store struct {
	committed chan struct{}
	id        string

	mu     sync.Mutex
	facts  []surveys.Event // by sequence − 1
	pruned int64
	folds  []surveys.Day
	reads  int // of the outbox and the facts
}

var _ outbox.Source = (*store)(nil)

func newStore() *store { return &store{committed: make(chan struct{}, 1), id: "5707e"} }

// StoreID is the same for all unless a test says otherwise: those of one test
// are one store, restored.
func (s *store) StoreID(context.Context) (string, error) { return s.id, nil }

func (s *store) record(events ...surveys.Event) {
	s.mu.Lock()
	s.facts = append(s.facts, events...)
	s.mu.Unlock()
	select {
	case s.committed <- struct{}{}:
	default:
	}
}

func (s *store) EventsAfter(_ context.Context, after int64, limit int) ([]surveys.SequencedEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	var events []surveys.SequencedEvent
	for n := max(after, s.pruned) + 1; n <= int64(len(s.facts)) && len(events) < limit; n++ {
		events = append(events, surveys.SequencedEvent{Sequence: n, Event: s.facts[n-1]})
	}
	return events, nil
}

func (s *store) LastSequence(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.facts)), nil
}

func (s *store) Committed() <-chan struct{} { return s.committed }

func (s *store) PruneEvents(_ context.Context, through int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if through > int64(len(s.facts)) {
		return errors.New("pruning events that do not exist")
	}
	s.pruned = max(s.pruned, through)
	return nil
}

func (s *store) Fold(_ context.Context, fullFrom surveys.Day, yield func(e *surveys.Event, n int64) error) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folds = append(s.folds, fullFrom)
	s.reads++
	for _, e := range s.facts {
		if e.Day < fullFrom {
			e.Hour = -1
		}
		if err := yield(&e, 1); err != nil {
			return 0, err
		}
	}
	return int64(len(s.facts)), nil
}

func (s *store) folded() []surveys.Day {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.folds)
}

func (s *store) readSoFar() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *store) prunedThrough() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pruned
}

// taps makes n events, different from call to call.
func taps(random *rand.Rand, n int) []surveys.Event {
	var events []surveys.Event
	for i := range n {
		if i > 0 && random.IntN(9) == 0 {
			if e := events[i-1]; e.Kind == surveys.EventRatingRecorded && !e.Flagged { // it is flagged after all
				e.Kind, e.Flagged = surveys.EventRatingFlagged, true
				events = append(events, e)
				continue
			}
		}
		e := surveys.Event{
			Kind: surveys.EventRatingRecorded, At: noon.UnixMilli() + random.Int64N(1e6), Day: today.AddDays(-random.IntN(4)), Hour: random.IntN(24),
			Department: "finance", Place: surveys.PlaceID(fmt.Sprintf("settlement-%d", random.IntN(5))), Version: "00", Item: "grade",
			Mode: surveys.ModeWindow, Series: surveys.SeriesAsked, Grade: surveys.Grade(1 + random.IntN(5)), Flagged: random.IntN(9) == 0,
		}
		if random.IntN(3) == 0 {
			e.Kind, e.Grade, e.Flagged = surveys.EventPromptOffered, 0, false
		}
		events = append(events, e)
	}
	return events
}

// rig is a supervisor at work.
type rig struct {
	*outbox.Supervisor
	store  *store
	client redis.UniversalClient
	target outbox.Target
	stop   func()
}

func start(t *testing.T, s *redistest.Server, st *store, change ...func(o *outbox.Options)) *rig {
	t.Helper()
	return startOn(t, open(t, s.URL), st, change...)
}

func startOn(t *testing.T, c redis.UniversalClient, st *store, change ...func(o *outbox.Options)) *rig {
	t.Helper()
	now := func() time.Time { return noon }
	o := outbox.Options{
		Source: st, Client: c, Node: "n1", Zone: time.UTC, Now: now,
		FirstRetry: 5 * time.Millisecond, LastRetry: 100 * time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	sup, err := outbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sup.Run(ctx) }()
	var once sync.Once
	r := &rig{sup, st, c, outbox.Target{Source: st, Client: c, Node: o.Node, Zone: time.UTC, Now: o.Now}, nil}
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("supervisor ends with %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// settled waits until everything stored is counted.
func (r *rig) settled(t *testing.T) {
	t.Helper()
	redistest.Until(t, "everything stored is counted", func() bool {
		last, _ := r.store.LastSequence(context.Background())
		st := r.Status()
		return st.State == outbox.StateRelaying && st.Watermark == last
	})
}

// exact holds Redis to a recount of the store.
func (r *rig) exact(t *testing.T) {
	t.Helper()
	differences, err := outbox.Compare(context.Background(), r.target)
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	for _, d := range differences {
		t.Errorf("%s %s: counted %d, want %d", d.Day, d.Cell, d.Got, d.Want)
	}
}

// TestRedisVanishesUnderLoad takes Redis away in every way while events keep
// being stored, and holds the counts to exact equality afterwards.
func TestRedisVanishesUnderLoad(t *testing.T) {
	const seed = 20261121
	ways := []struct {
		name string
		do   func(t *testing.T, s *redistest.Server, c redis.UniversalClient, meanwhile func())
	}{
		{"flushed", func(t *testing.T, _ *redistest.Server, c redis.UniversalClient, _ func()) { redistest.FlushAll(t, c) }},
		{"killed and started empty", func(_ *testing.T, s *redistest.Server, _ redis.UniversalClient, meanwhile func()) {
			s.Kill()
			meanwhile()
			s.Start()
		}},
		{"stream evicted", func(t *testing.T, _ *redistest.Server, c redis.UniversalClient, _ func()) {
			del(t, c, "qingfeng:{n1}:stream")
		}},
		{"state evicted", func(t *testing.T, _ *redistest.Server, c redis.UniversalClient, _ func()) {
			del(t, c, "qingfeng:{n1}:state")
		}},
		{"flushed twice", func(t *testing.T, _ *redistest.Server, c redis.UniversalClient, meanwhile func()) {
			redistest.FlushAll(t, c)
			meanwhile()
			redistest.FlushAll(t, c)
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
				random := rand.New(rand.NewPCG(seed, 1))
				st := newStore()
				r := start(t, s, st)
				load := func() { // as fast as somebody reads
					for i := range 20 {
						before := st.readSoFar()
						st.record(taps(random, 1+i)...)
						redistest.Until(t, "the store is read", func() bool { return st.readSoFar() > before })
					}
				}
				for round := range 3 {
					load()
					before := r.Status().Rebuilds
					way.do(t, s, r.client, func() { st.record(taps(random, 100)...) })
					// It goes on while the loss is noticed and the counts are made anew.
					load()
					redistest.Until(t, "the counts are made anew", func() bool { return r.Status().Rebuilds > before })
					r.settled(t)
					r.exact(t)
					if t.Failed() {
						t.Fatalf("seed %d round %d", seed, round)
					}
				}
			})
		})
	}
}

func del(t *testing.T, c redis.UniversalClient, key string) {
	t.Helper()
	if err := c.Del(context.Background(), key).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestRedisComesLaterThanTheRatings(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		s.Kill()
		st := newStore()
		r := start(t, s, st, func(o *outbox.Options) { o.Patience = 20 * time.Millisecond })
		st.record(taps(rand.New(rand.NewPCG(1, 1)), 500)...)
		redistest.Until(t, "the status says behind", func() bool {
			status := r.Status()
			return status.Behind && status.LastError != "" && status.Lag == 500
		})
		s.Start()
		r.settled(t)
		r.exact(t)
		if status := r.Status(); status.LastError != "" || status.Rebuilds != 1 {
			t.Errorf("after Redis came back: %+v", status)
		}
		redistest.Until(t, "the status no longer says behind", func() bool { return !r.Status().Behind })
	})
}

func TestRestartGoesOnWithoutARebuild(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		random := rand.New(rand.NewPCG(2, 1))
		st := newStore()
		first := start(t, s, st)
		st.record(taps(random, 300)...)
		first.settled(t)
		first.stop()
		st.record(taps(random, 300)...)
		second := start(t, s, st)
		second.settled(t)
		second.exact(t)
		if n := second.Status().Rebuilds; n != 0 {
			t.Errorf("%d rebuilds, want none: nothing was lost", n)
		}
	})
}

func TestOlderStoreIsNoticed(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		random := rand.New(rand.NewPCG(3, 1))
		st := newStore()
		r := start(t, s, st)
		st.record(taps(random, 300)...)
		r.settled(t)
		r.stop()
		for _, after := range []int{400, 0} {
			restored := newStore()
			restored.record(slices.Clone(st.facts[:200])...)
			// With enough new events its sequences have overtaken Redis again.
			restored.record(taps(random, after)...)
			r := start(t, s, restored)
			r.settled(t)
			r.exact(t)
			if n := r.Status().Rebuilds; n != 1 {
				t.Errorf("restored with %d new events: %d rebuilds, want 1", after, n)
			}
			r.stop()
		}
	})
}

func TestOutboxIsPrunedBehindTheCountsAndAGapIsHealed(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		random := rand.New(rand.NewPCG(4, 1))
		st := newStore()
		r := start(t, s, st, func(o *outbox.Options) { o.PruneMargin, o.Housekeeping = 50, 5*time.Millisecond })
		st.record(taps(random, 400)...)
		r.settled(t)
		redistest.Until(t, "the outbox is pruned", func() bool { return st.prunedThrough() == 350 })
		// Redis comes back as it was long ago: what lies between is pruned.
		r.stop()
		state, err := redisstream.ReadState(context.Background(), r.client, "n1")
		if err != nil || state.Watermark != 400 {
			t.Fatalf("state %+v, %v", state, err)
		}
		old := analytics.NewCounts()
		for _, e := range st.facts[:100] {
			old.AddEvent(&e, 1)
		}
		if _, err := redisstream.Replace(context.Background(), r.client, "n1", redisstream.Recount{Counts: old, Store: "5707e", Watermark: 100, Today: today, At: noon}); err != nil {
			t.Fatal(err)
		}
		again := start(t, s, st)
		again.settled(t)
		again.exact(t)
		if n := again.Status().Rebuilds; n != 1 {
			t.Errorf("%d rebuilds, want 1", n)
		}
	})
}

func TestRebuildTakesOldDaysFromSumsAndAForcedOneCountsFacts(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		st := newStore()
		st.record(taps(rand.New(rand.NewPCG(5, 1)), 200)...)
		r := start(t, s, st, func(o *outbox.Options) { o.Housekeeping = 5 * time.Millisecond })
		r.settled(t)
		if st.folds[0] != today.AddDays(-1) {
			t.Errorf("the rebuild counts from %s on, want yesterday", st.folds[0])
		}
		result, err := outbox.Rebuild(context.Background(), r.target, 0)
		if folds := st.folded(); err != nil || result.Watermark != 200 || !slices.Contains(folds, 0) {
			t.Errorf("forced rebuild: %+v, %v, from %v", result, err, folds)
		}
		// The supervisor beside it notices, though nothing new has come, and so it
		// does when all is gone.
		redistest.Until(t, "the foreign epoch is noticed", func() bool { return r.Status().Rebuilds == 2 })
		r.settled(t)
		r.exact(t)
		redistest.FlushAll(t, r.client)
		redistest.Until(t, "the loss is noticed", func() bool { return r.Status().Rebuilds >= 3 })
		r.settled(t)
		r.exact(t)
		st.record(taps(rand.New(rand.NewPCG(6, 1)), 20)...)
		r.settled(t)
		r.exact(t)
	})
}

// TestRenamedNodeCountsOnce starts the same store under another node's name,
// beside another store that stays.
func TestRenamedNodeCountsOnce(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx := context.Background()
		st := newStore()
		st.record(taps(rand.New(rand.NewPCG(14, 1)), 200)...)
		r := start(t, s, st)
		r.settled(t)
		r.stop()
		for node, store := range map[string]string{"n0": "another", "n3": ""} {
			if _, err := redisstream.Replace(ctx, r.client, node, redisstream.Recount{Counts: analytics.NewCounts(), Store: store, Today: today, At: noon}); err != nil {
				t.Fatal(err)
			}
		}
		renamed := r.target
		renamed.Node = "n2"
		// As an older program would have left it.
		old, watermark := analytics.NewCounts(), int64(200)
		for _, e := range st.facts {
			old.AddEvent(&e, 1)
		}
		if _, err := redisstream.Replace(ctx, r.client, "n2", redisstream.Recount{Counts: old, Watermark: watermark, Today: today, At: noon}); err != nil {
			t.Fatal(err)
		}
		got, err := outbox.Compare(ctx, renamed)
		if err != nil || len(got) != 1 || got[0].Node != "n1" || got[0].Got == 0 {
			t.Errorf("differences %v, %v; want the node n1", got, err)
		}
		again := start(t, s, st, func(o *outbox.Options) { o.Node = "n2" })
		redistest.Until(t, "the counts are made anew", func() bool { return again.Status().Rebuilds == 1 })
		again.settled(t)
		if got, err := outbox.Compare(ctx, renamed); err != nil || len(got) != 0 {
			t.Errorf("after the rebuild: %v, %v", got, err)
		}
		left, err := r.client.Keys(ctx, "qingfeng:{n1}:*").Result()
		if err != nil || len(left) != 0 {
			t.Errorf("of the old name are left %v, %v", left, err)
		}
		nodes, err := r.client.SMembers(ctx, "qingfeng:nodes").Result()
		if slices.Sort(nodes); err != nil || !slices.Equal(nodes, []string{"n0", "n2", "n3"}) {
			t.Errorf("nodes %v, %v", nodes, err)
		}
	})
}

func TestCompareFindsWhatDiffers(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx := context.Background()
		st := newStore()
		st.record(taps(rand.New(rand.NewPCG(7, 1)), 200)...)
		r := start(t, s, st)
		r.settled(t)
		r.stop()
		st.record(taps(rand.New(rand.NewPCG(8, 1)), 30)...)
		r.exact(t) // thirty more are stored than counted: no difference
		field := "o|finance|settlement-1|window"
		if err := r.client.HIncrBy(ctx, "qingfeng:{n1}:day:20261121", field, 7).Err(); err != nil {
			t.Fatal(err)
		}
		got, err := outbox.Compare(ctx, r.target)
		if err != nil || len(got) != 1 || got[0].Cell.String() != field || got[0].Got-got[0].Want != 7 {
			t.Errorf("differences %+v, %v; want 7 too many in %s", got, err, field)
		}
		redistest.FlushAll(t, r.client)
		if _, err := outbox.Compare(ctx, r.target); !errors.Is(err, redisstream.ErrLost) {
			t.Errorf("comparing with nothing gives %v, want ErrLost", err)
		}
	})
}

func TestPoisonHealsByItselfButNotAllTheTime(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx := context.Background()
		st := newStore()
		random := rand.New(rand.NewPCG(9, 1))
		r := start(t, s, st)
		st.record(taps(random, 10)...)
		r.settled(t)
		r.stop()
		poison := func(id string) {
			t.Helper()
			if err := r.client.XAdd(ctx, &redis.XAddArgs{Stream: "qingfeng:{n1}:stream", ID: id, Values: []string{"event", "?"}}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		poison("11-0")
		st.record(taps(random, 10)...)
		again := start(t, s, st, func(o *outbox.Options) { o.RetryDelay, o.HealEvery = time.Millisecond, time.Hour })
		redistest.Until(t, "the counts are made anew", func() bool { return again.Status().Rebuilds == 1 })
		again.settled(t)
		again.exact(t)
		if st := again.Status(); st.Degraded || st.DeadLetters != 0 || st.Behind || st.LastError != "" {
			t.Errorf("after the rebuild: %+v", st)
		}
		// The next one within the hour is left as it is, and shown.
		poison("21-0")
		redistest.Until(t, "the status is degraded", func() bool { st := again.Status(); return st.Degraded && st.Behind && st.DeadLetters == 1 })
		st.record(taps(random, 10)...)
		again.settled(t)
		if d, err := outbox.Compare(ctx, again.target); err != nil || len(d) == 0 {
			t.Errorf("the event that was lost to poison makes no difference (%v)", err)
		}
		if st := again.Status(); st.Rebuilds != 1 || !st.Degraded {
			t.Errorf("a second dead letter at once: %+v", st)
		}
		// Whoever starts next finds the letter in the state.
		again.stop()
		last := start(t, s, st)
		redistest.Until(t, "the counts are made anew", func() bool { return last.Status().Rebuilds == 1 })
		last.settled(t)
		last.exact(t)
		if n, err := r.client.XLen(ctx, "qingfeng:{n1}:dead").Result(); err != nil || n != 2 {
			t.Errorf("%d dead letters stay (%v), want both", n, err)
		}
	})
}

func TestFullRealRedisHealsWhenThereIsRoom(t *testing.T) {
	s := redistest.StartReal(t) // the in-process one knows no memory limit
	ctx := context.Background()
	st := newStore()
	r := start(t, s, st)
	st.record(taps(rand.New(rand.NewPCG(11, 1)), 200)...)
	r.settled(t)
	if err := r.client.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	st.record(taps(rand.New(rand.NewPCG(12, 1)), 200)...)
	redistest.Until(t, "the status shows the error", func() bool { return r.Status().LastError != "" })
	if err := r.client.ConfigSet(ctx, "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	r.settled(t)
	r.exact(t)
	if n := r.Status().Rebuilds; n != 1 {
		t.Errorf("%d rebuilds, want the first alone: a full Redis has lost nothing", n)
	}
}

func TestNewDayDropsTheHoursOfTheDayBeforeYesterday(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		st := newStore()
		st.record(taps(rand.New(rand.NewPCG(13, 1)), 300)...)
		r := start(t, s, st)
		r.settled(t)
		r.stop()
		tomorrow := func(o *outbox.Options) {
			o.Now = func() time.Time { return noon.AddDate(0, 0, 1) }
		}
		again := start(t, s, st, tomorrow)
		redistest.Until(t, "old hours are gone", func() bool {
			n, err := again.client.Exists(context.Background(), "qingfeng:{n1}:hours:20261120").Result()
			return err == nil && n == 0
		})
		again.settled(t)
		again.exact(t)
		if n, _ := again.client.Exists(context.Background(), "qingfeng:{n1}:hours:20261121").Result(); n != 1 {
			t.Error("the hours of the day just past are gone too")
		}
	})
}
