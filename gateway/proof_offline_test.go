package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// A thousand tablets that lose their network at once come back at once, and
// the gateway neither turns one away nor swells.
func TestProofReconnectStorm(t *testing.T) {
	const tablets, storms = 1000, 2
	s := newSite(t, "")
	identities := s.enrol(tablets, surveys.DeviceWindowTablet, windows...)
	running := s.start()
	ctx, turnOff := context.WithCancel(t.Context())
	defer turnOff()
	var welcomes atomic.Int64
	all := make([]*tabletclient.Tablet, tablets)
	for i, id := range identities {
		all[i] = tabletclient.New(tabletclient.Options{
			Server: s.server(), Identity: id, FirstPause: time.Millisecond, LastPause: time.Second,
			OnWelcome: func(*tabletclient.Welcome) { welcomes.Add(1) },
		})
		go func() {
			if err := all[i].Run(ctx); err != nil {
				t.Errorf("a tablet was stopped: %v", err)
			}
		}()
	}
	eventually(t, "all tablets are welcome", func() bool { return welcomes.Load() >= tablets })
	calm := running.memory()
	for range storms {
		before, began := welcomes.Load(), time.Now()
		for _, tablet := range all {
			tablet.Break()
		}
		eventually(t, "all tablets are back", func() bool { return welcomes.Load() >= before+tablets })
		t.Logf("%d tablets back after %s, %d MB resident, %d MB before", tablets, time.Since(began).Round(time.Millisecond), running.memory()>>20, calm>>20)
	}
	eventually(t, "one socket is left for each tablet", func() bool { return running.metric("qingfeng_tablets_connected") == tablets })
	// 1,000 sockets take some 10 MB; four times the garbage of a storm may lie
	// about, a leak of buffers would be more.
	if grown := running.memory() - calm; grown > 128<<20 {
		t.Errorf("the gateway grew by %d MB over %d storms, want at most 128", grown>>20, storms)
	}
	ack, err := all[0].Rate(within(t, patience), tabletclient.Rating{Grade: surveys.Satisfied})
	if err != nil || ack.Outcome != surveys.OutcomeStored {
		t.Errorf("rate after the storms: %v %v", ack, err)
	}
}

// memory is the gateway's resident memory in bytes.
func (l *life) memory() int64 {
	l.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	l.t.Fatal("the system does not tell the gateway's memory")
	return 0
}

// A tablet that was offline for eight hours, with a clock that is wrong,
// delivers everything in order and once, however often its wifi breaks, and
// each rating counts in the hour it was given in.
func TestProofEightHoursOffline(t *testing.T) {
	const facts, breaks = 500, 5
	const wrong = 40*time.Minute + 17*time.Second // the tablet's clock is ahead
	s := newSite(t, "")
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-1")[0]
	cfg := s.config()
	version := cfg.QuestionnaireOf()[surveys.DeviceWindowTablet].Version()
	random := seeded(t)

	var mu sync.Mutex
	var order []surveys.FactID
	acked := map[surveys.FactID]surveys.Outcome{}
	var tablet *tabletclient.Tablet
	tablet = tabletclient.New(tabletclient.Options{
		Server: s.server(), Identity: id, FirstPause: time.Millisecond, LastPause: 50 * time.Millisecond,
		Now: func() time.Time { return time.Now().Add(wrong) },
		OnAck: func(a tabletclient.Ack) {
			mu.Lock()
			acked[a.ID] = a.Outcome
			n := len(acked)
			order = append(order, a.ID)
			mu.Unlock()
			if n%(facts/(breaks+1)) == 0 {
				tablet.Break()
			}
		},
	})
	made, hours := queueHours(tablet, cfg.Location(), random, facts, wrong, version)
	running := s.start()
	go func() { _ = tablet.Run(t.Context()) }()
	eventually(t, "everything is delivered", func() bool { return tablet.Queued() == 0 })

	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(made, order); diff != "" {
		t.Errorf("acknowledged in another order than made, or twice (-made +acknowledged):\n%s", diff)
	}
	again := 0
	for id, outcome := range acked {
		switch outcome {
		case surveys.OutcomeStored:
		case surveys.OutcomeDuplicate:
			again++
		default:
			t.Errorf("%s was acknowledged as %s", id, outcome)
		}
	}
	t.Logf("%d facts over %d hours, %d arrived twice because a connection broke", facts, len(hours), again)
	running.stop()
	s.proveKept(made)
	proveHours(t, s, hours)
	proveOutboxOrder(t, s, facts)
	s.verify()
}

// hourOfDay is a business day's hour.
type hourOfDay struct {
	Day  surveys.Day
	Hour int
}

// queueHours queues ratings evenly over the past eight hours, as the tablet's
// wrong clock stamps them, and tells their ids and the hours they belong to.
func queueHours(tablet *tabletclient.Tablet, zone *time.Location, random *rand.Rand, facts int, wrong time.Duration, version surveys.VersionID) ([]surveys.FactID, map[hourOfDay]int64) {
	const span = 8 * time.Hour
	hours := map[hourOfDay]int64{}
	var made []surveys.FactID
	now := time.Now()
	for i := range facts {
		at := now.Add(-span + time.Duration(i)*(span-2*time.Minute)/time.Duration(facts))
		// The offset is measured over a network: keep off the hours' edges.
		if rest := at.Sub(at.Truncate(time.Hour)); rest < 5*time.Second || rest > time.Hour-5*time.Second {
			at = at.Add(10 * time.Second)
		}
		local := at.In(zone)
		hours[hourOfDay{surveys.DayOf(local, zone), local.Hour()}]++
		made = append(made, tablet.Queue(tabletclient.Rating{
			Grade: surveys.Grade(1 + random.IntN(5)), At: at.Add(wrong), Place: "settlement-1", Questionnaire: version, Dwell: 2 * time.Second,
		}))
	}
	return made, hours
}

func proveHours(t *testing.T, s *site, want map[hourOfDay]int64) {
	t.Helper()
	got := map[hourOfDay]int64{}
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		_, err := store.Fold(ctx, 0, func(e *surveys.Event, n int64) error {
			if e.Kind == surveys.EventRatingRecorded {
				got[hourOfDay{e.Day, e.Hour}] += n
			}
			return nil
		})
		if err != nil {
			t.Fatalf("fold the store: %v", err)
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted in other hours than given in (-given +counted):\n%s", diff)
	}
}

// proveOutboxOrder proves that ratings were stored in the order they were
// given in.
func proveOutboxOrder(t *testing.T, s *site, facts int) {
	t.Helper()
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		events, err := store.EventsAfter(ctx, 0, 2*facts)
		if err != nil {
			t.Fatalf("read the outbox: %v", err)
		}
		if len(events) != facts {
			t.Errorf("the outbox has %d events, want %d", len(events), facts)
		}
		for i := 1; i < len(events); i++ {
			if events[i].Event.At < events[i-1].Event.At {
				t.Errorf("event %d happened before the one stored ahead of it", events[i].Sequence)
			}
		}
	})
}
