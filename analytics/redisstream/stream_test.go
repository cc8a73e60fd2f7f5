package redisstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/surveys"
)

const (
	node  = "n1"
	today = surveys.Day(20261121)
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// eventAt is the event of a sequence: grades, places and kinds in turn.
func eventAt(sequence int64) surveys.SequencedEvent {
	e := surveys.Event{
		Kind: surveys.EventRatingRecorded, At: noon.UnixMilli() + sequence, Day: today, Hour: 9,
		Department: "finance", Place: surveys.PlaceID(fmt.Sprintf("settlement-%d", sequence%4)), Staff: "ab12",
		Version: "0011223344556677", Item: "grade", Mode: surveys.ModeWindow, Series: surveys.SeriesAsked,
		Grade: surveys.Grade(1 + sequence%5), Flagged: sequence%7 == 0,
	}
	switch {
	case sequence%3 == 0:
		e.Kind, e.Grade, e.Flagged = surveys.EventPromptOffered, 0, false
	case sequence%11 == 0:
		e.Kind, e.Tags = surveys.EventRatingDetailed, []surveys.Tag{{Item: "why", ID: "queue"}}
	case sequence%17 == 0:
		e.Kind, e.Grade, e.Value, e.Series, e.Staff = surveys.EventAnswerRecorded, 0, int(sequence%(analytics.MaxValue+1)), "", ""
	case sequence%13 == 0: // the one before is flagged after all
		if before := eventAt(sequence - 1).Event; before.Kind == surveys.EventRatingRecorded && !before.Flagged {
			e = before
			e.Kind, e.Flagged = surveys.EventRatingFlagged, true
		}
	}
	return surveys.SequencedEvent{Sequence: sequence, Event: e}
}

func eventsOf(first, last int64) []surveys.SequencedEvent {
	var events []surveys.SequencedEvent
	for n := first; n <= last; n++ {
		events = append(events, eventAt(n))
	}
	return events
}

// wantCounts is what the events first..last add, less those left out.
func wantCounts(first, last int64, without ...int64) *analytics.Counts {
	c := analytics.NewCounts()
	for n := first; n <= last; n++ {
		if e := eventAt(n); !slices.Contains(without, n) {
			c.AddEvent(&e.Event, 1)
		}
	}
	return c
}

// begin puts counts in place as a supervisor does, and gives the epoch.
func begin(tb testing.TB, c redis.UniversalClient, name string, counts *analytics.Counts, watermark int64) string {
	tb.Helper()
	epoch, err := Replace(context.Background(), c, name, Recount{Counts: counts, Watermark: watermark, Today: today, At: noon})
	if err != nil {
		tb.Fatalf("replace: %v", err)
	}
	return epoch
}

func publisher(tb testing.TB, c redis.UniversalClient) *Publisher {
	tb.Helper()
	p, err := NewPublisher(c, node)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func publish(tb testing.TB, c redis.UniversalClient, events []surveys.SequencedEvent) {
	tb.Helper()
	if err := publisher(tb, c).Publish(context.Background(), events); err != nil {
		tb.Fatalf("publish: %v", err)
	}
}

func streamIDs(tb testing.TB, c redis.UniversalClient) []string {
	tb.Helper()
	messages, err := c.XRange(context.Background(), keysOf(node).stream, "-", "+").Result()
	if err != nil {
		tb.Fatalf("read stream: %v", err)
	}
	ids := []string{}
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func worker(c redis.UniversalClient, epoch string, change ...func(o *WorkerOptions)) *Worker {
	o := WorkerOptions{
		Node: node, Epoch: epoch, Zone: time.UTC, Now: now, Block: 20 * time.Millisecond, RetryDelay: time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	return NewWorker(c, o)
}

// countThrough runs a worker until the watermark is reached and everything
// acknowledged, and returns its error if it fails before.
func countThrough(tb testing.TB, w *Worker, watermark int64) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	reached, once := make(chan struct{}), sync.Once{}
	w.opt.OnApplied = func(at int64) {
		if at >= watermark {
			once.Do(func() { close(reached) })
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	select {
	case err := <-ended:
		if ctx.Err() != nil {
			tb.Fatalf("the watermark is %d and does not reach %d", w.watermark, watermark)
		}
		return err
	case <-reached:
	}
	redistest.Until(tb, "everything is acknowledged", func() bool {
		pending, err := w.client.XPending(ctx, w.keys.stream, group).Result()
		return err != nil || pending.Count == 0 || len(ended) > 0
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func mustEqual(tb testing.TB, c redis.UniversalClient, watermark int64, want *analytics.Counts) {
	tb.Helper()
	state, got, err := LoadCounts(context.Background(), c, node, 0, 0)
	if err != nil {
		tb.Fatalf("load: %v", err)
	}
	if state.Watermark != watermark {
		tb.Errorf("watermark is %d, want %d", state.Watermark, watermark)
	}
	for _, d := range analytics.Diff(want, got) {
		tb.Errorf("%s %s: counted %d, want %d", d.Day, d.Cell, d.Got, d.Want)
	}
}

func TestLostReplyOfXADDLeavesOneEntry(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, direct, proxy := context.Background(), open(t, s.URL), newDropReply(t, s)
		begin(t, direct, node, analytics.NewCounts(), 0)
		c := open(t, proxy.url)
		boundRoundTrips(c, 20)
		p := publisher(t, c)
		if err := p.Publish(ctx, eventsOf(1, 3)); err != nil {
			t.Fatal(err)
		}
		proxy.arm(p.script.Hash())
		if err := p.Publish(ctx, eventsOf(4, 6)); err == nil || NeedsRebuild(err) {
			t.Fatalf("publishing without a reply gives %v, want an error of the network", err)
		}
		if proxy.drops() != 1 {
			t.Fatalf("%d replies were dropped, want 1", proxy.drops())
		}
		if err := p.Publish(ctx, eventsOf(4, 8)); err != nil {
			t.Fatalf("after the lost reply the publisher must ask what the stream has: %v", err)
		}
		want := []string{"1-0", "2-0", "3-0", "4-0", "5-0", "6-0", "7-0", "8-0"}
		if d := cmp.Diff(want, streamIDs(t, direct)); d != "" {
			t.Errorf("stream (-want +got):\n%s", d)
		}
	})
}

func TestPublishSkipsWhatTheStreamHasAndRefusesGaps(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c := context.Background(), open(t, s.URL)
		begin(t, c, node, wantCounts(1, 5), 5)
		boundRoundTrips(c, 40)
		p, stale := publisher(t, c), publisher(t, c)
		if _, err := stale.Last(ctx); err != nil {
			t.Fatal(err)
		}
		if err := p.Publish(ctx, eventsOf(3, 8)); err != nil {
			t.Fatal(err)
		}
		// This one believes the stream ends at 5; Redis refuses, it looks again.
		if err := stale.Publish(ctx, eventsOf(6, 9)); err != nil {
			t.Fatalf("after a refusal the publisher must ask what the stream has: %v", err)
		}
		if d := cmp.Diff([]string{"5-0", "6-0", "7-0", "8-0", "9-0"}, streamIDs(t, c)); d != "" {
			t.Errorf("stream (-want +got):\n%s", d)
		}
		if err := stale.Publish(ctx, eventsOf(11, 12)); !errors.Is(err, ErrGap) {
			t.Errorf("a gap before the batch gives %v, want ErrGap", err)
		}
		if err := stale.Publish(ctx, append(eventsOf(10, 10), eventsOf(12, 12)...)); !errors.Is(err, ErrGap) {
			t.Errorf("a gap inside the batch gives %v, want ErrGap", err)
		}
		redistest.FlushAll(t, c)
		if err := p.Publish(ctx, eventsOf(9, 10)); err != nil {
			t.Logf("first try after the flush: %v", err)
		}
		if err := p.Publish(ctx, eventsOf(9, 10)); !errors.Is(err, ErrLost) {
			t.Errorf("a stream that is gone gives %v, want ErrLost", err)
		}
		if n, _ := c.Exists(ctx, keysOf(node).stream).Result(); n != 0 {
			t.Error("publishing made a new stream in the place of the lost one")
		}
	})
}

func TestClientThatRepeatsByItselfIsRefused(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer c.Close()
	if _, err := NewPublisher(c, node); err == nil {
		t.Error("a client with retries is taken")
	}
	own := open(t, "redis://127.0.0.1:1/0").(*redis.Client)
	if n := own.Options().MaxRetries; n != 0 {
		t.Errorf("Open's client repeats %d times, want none", n)
	}
}

func TestWorkerCountsEachEntryOnceOverLostReplies(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		direct, proxy := open(t, s.URL), newDropReply(t, s)
		epoch := begin(t, direct, node, analytics.NewCounts(), 0)
		c := open(t, proxy.url)
		for round := range int64(6) {
			publish(t, direct, eventsOf(round*50+1, round*50+50))
			w := worker(c, epoch)
			if round > 0 {
				proxy.arm(w.apply.Hash())
			}
			if err := countThrough(t, w, round*50+50); err == nil && round > 0 {
				t.Fatal("a worker without its reply goes on")
			}
			if err := countThrough(t, worker(c, epoch), round*50+50); err != nil {
				t.Fatal(err)
			}
		}
		if proxy.drops() != 5 {
			t.Fatalf("%d replies were dropped, want 5", proxy.drops())
		}
		mustEqual(t, direct, 300, wantCounts(1, 300))
		pending, err := direct.XPending(context.Background(), keysOf(node).stream, group).Result()
		if err != nil || pending.Count != 0 {
			t.Errorf("%+v is pending (%v), want nothing", pending, err)
		}
	})
}

func TestStalledWorkerIsOvertakenAndThenRefused(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c := context.Background(), open(t, s.URL)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		publish(t, c, eventsOf(1, 20))
		stalled := worker(c, epoch, func(o *WorkerOptions) { o.Consumer = "stalled" })
		if err := stalled.look(ctx); err != nil {
			t.Fatal(err)
		}
		inHand, err := stalled.read(ctx)
		if err != nil || len(inHand) != 20 {
			t.Fatalf("the stalled worker holds %d entries (%v), want 20", len(inHand), err)
		}
		publish(t, c, eventsOf(21, 40))
		if err := countThrough(t, worker(c, epoch), 40); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, c, 40, wantCounts(1, 40))
		// It wakes with entries in hand that are counted by now.
		if err := stalled.work(ctx, inHand); err != nil {
			t.Fatalf("the stalled worker wakes to %v", err)
		}
		mustEqual(t, c, 40, wantCounts(1, 40))
	})
}

func TestEntriesGivenToAnotherWhileRunningAreTakenOver(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c := context.Background(), open(t, s.URL)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		w := worker(c, epoch)
		if err := w.look(ctx); err != nil {
			t.Fatal(err)
		}
		publish(t, c, eventsOf(1, 10))
		if got, err := worker(c, epoch, func(o *WorkerOptions) { o.Consumer = "other" }).read(ctx); err != nil || len(got) != 10 {
			t.Fatalf("the other has %d entries (%v), want 10", len(got), err)
		}
		publish(t, c, eventsOf(11, 15))
		entries, err := w.read(ctx)
		if err != nil || len(entries) != 5 {
			t.Fatalf("read %d entries (%v), want 5", len(entries), err)
		}
		if err := w.work(ctx, entries); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, c, 15, wantCounts(1, 15))
	})
}

func TestPoisonGoesToTheDeadLettersAfterFiveDeliveries(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c, k := context.Background(), open(t, s.URL), keysOf(node)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		publish(t, c, eventsOf(1, 4))
		for _, poison := range []struct{ id, field, value string }{
			{"5-0", fieldEvent, `{"kind":`}, {"6-0", fieldEvent, `{"kind":"clue_received","day":20261121}`}, {"7-0", "other", "x"},
		} {
			if err := c.XAdd(ctx, &redis.XAddArgs{Stream: k.stream, ID: poison.id, Values: []string{poison.field, poison.value}}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, c, eventsOf(8, 12))
		var given atomic.Int64
		w := worker(c, epoch, func(o *WorkerOptions) { o.OnDead = func(int64) { given.Add(1) } })
		if err := countThrough(t, w, 12); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, c, 12, wantCounts(1, 12, 5, 6, 7))
		dead, err := c.XRange(ctx, k.dead, "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range dead {
			got = append(got, fmt.Sprintf("%s: %s", m.Values["sequence"], m.Values["reason"]))
		}
		want := []string{"5: entry is not an event's JSON", "6: event is of an unknown kind", "7: entry is not an event's JSON"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("dead letters (-want +got):\n%s", d)
		}
		state, err := ReadState(ctx, c, node)
		if err != nil || state.DeadLetters != 3 || given.Load() != 3 {
			t.Errorf("state says %d dead letters, the hook %d (%v), want 3", state.DeadLetters, given.Load(), err)
		}
	})
}

func TestPoisonIsDeliveredFiveTimesFirst(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c, k := context.Background(), open(t, s.URL), keysOf(node)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		if err := c.XAdd(ctx, &redis.XAddArgs{Stream: k.stream, ID: "1-0", Values: []string{fieldEvent, "?"}}).Err(); err != nil {
			t.Fatal(err)
		}
		w := worker(c, epoch, func(o *WorkerOptions) { o.RetryDelay = time.Hour })
		for delivery := int64(1); delivery < 5; delivery++ {
			stopped, cancel := context.WithCancel(ctx)
			go cancel()
			if err := w.Run(stopped); !errors.Is(err, context.Canceled) {
				t.Fatalf("worker ends with %v", err)
			}
			if n, _ := c.Exists(ctx, k.dead).Result(); n != 0 {
				t.Fatal("given up on before the fifth delivery")
			}
			// A restart takes over what is pending, which is a delivery.
			if _, err := c.XClaim(ctx, &redis.XClaimArgs{Stream: k.stream, Group: group, Consumer: "x", Messages: []string{"1-0"}}).Result(); err != nil {
				t.Fatal(err)
			}
		}
		if err := countThrough(t, worker(c, epoch), 1); err != nil {
			t.Fatal(err)
		}
		if n, _ := c.XLen(ctx, k.dead).Result(); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

func TestWorkerStopsWhenCountsAreNotItsOwn(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		ctx, c, k := context.Background(), open(t, s.URL), keysOf(node)
		for _, test := range []struct {
			name   string
			damage func()
			want   error
		}{
			{"flushed", func() { redistest.FlushAll(t, c) }, ErrLost},
			{"another epoch", func() { begin(t, c, node, wantCounts(1, 12), 12) }, ErrLost},
			{"stream gone", func() { c.Del(ctx, k.stream) }, ErrLost},
			{"group gone", func() { c.XGroupDestroy(ctx, k.stream, group) }, ErrLost},
			{"state gone", func() { c.Del(ctx, k.state) }, ErrLost},
			{"watermark is no number", func() { c.HSet(ctx, k.state, stateWatermark, "x") }, ErrLost},
			{"watermark set back", func() { c.HSet(ctx, k.state, stateWatermark, "2") }, ErrGap},
			{"a count is no number", func() {
				c.HSet(ctx, k.hash(dayName(today)), "o|finance|settlement-2|window", "x")
			}, ErrLost},
			{"counts are no hash", func() {
				c.Del(ctx, k.hash(dayName(today)))
				c.Set(ctx, k.hash(dayName(today)), "x", 0)
			}, ErrLost},
			{"entries gone", func() {
				c.XAdd(ctx, &redis.XAddArgs{Stream: k.stream, ID: "999-0", Values: []string{fieldEvent, "{}"}})
			}, ErrGap},
		} {
			epoch := begin(t, c, node, analytics.NewCounts(), 0)
			publish(t, c, eventsOf(1, 12))
			w := worker(c, epoch)
			if err := countThrough(t, w, 12); err != nil {
				t.Fatal(err)
			}
			running, cancel := context.WithTimeout(ctx, 20*time.Second)
			ended := make(chan error, 1)
			started := make(chan struct{}, 100)
			w.opt.OnApplied = func(int64) { started <- struct{}{} }
			go func() { ended <- w.Run(running) }()
			<-started
			test.damage()
			last := c.XInfoStream(ctx, k.stream).Val()
			if last != nil && !strings.HasPrefix(last.LastGeneratedID, "999") {
				_ = publisher(t, c).Publish(ctx, eventsOf(13, 40))
			}
			if err := <-ended; !errors.Is(err, test.want) {
				t.Errorf("%s: worker ends with %v, want %v", test.name, err, test.want)
			}
			cancel()
		}
	})
}

func TestStreamIsTrimmedBehindTheWatermarkOnly(t *testing.T) {
	redistest.OnBoth(t, func(t *testing.T, s *redistest.Server) {
		c := open(t, s.URL)
		epoch := begin(t, c, node, analytics.NewCounts(), 0)
		w := func() *Worker { return worker(c, epoch, func(o *WorkerOptions) { o.KeepEntries = 10 }) }
		publish(t, c, eventsOf(1, 95))
		if ids := streamIDs(t, c); len(ids) != 95 {
			t.Fatalf("%d entries before anything is counted, want 95", len(ids))
		}
		if err := countThrough(t, w(), 95); err != nil {
			t.Fatal(err)
		}
		publish(t, c, eventsOf(96, 120))
		if err := countThrough(t, w(), 120); err != nil {
			t.Fatal(err)
		}
		ids := streamIDs(t, c)
		if len(ids) < 10 || len(ids) > 40 || ids[len(ids)-1] != "120-0" {
			t.Errorf("%d entries stay, up to %s; want 10 to 40, up to 120-0", len(ids), ids[len(ids)-1])
		}
		mustEqual(t, c, 120, wantCounts(1, 120))
	})
}

// BenchmarkCatchUp is what a Redis that comes back sees: publishing and
// counting at once. The figure is events/s through both.
func BenchmarkCatchUp(b *testing.B) {
	const backlog = 50_000
	c := open(b, redistest.StartReal(b).URL)
	events := eventsOf(1, backlog)
	b.ResetTimer()
	for b.Loop() {
		epoch := begin(b, c, node, analytics.NewCounts(), 0)
		p := publisher(b, c)
		go func() { _ = p.Publish(context.Background(), events) }()
		if err := countThrough(b, worker(c, epoch), backlog); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(backlog)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
