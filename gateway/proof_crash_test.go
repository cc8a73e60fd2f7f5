package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"qingfeng/surveys"
)

// A gateway killed at any moment loses nothing it acknowledged, counts nothing
// twice, and is ready again by being started.
func TestProofKilledUnderLoad(t *testing.T) { proveKills(t, newSite(t, ""), 20) }

// The same with a Redis that outlives the gateway: the counts in it go on from
// where they stood.
func TestProofKilledUnderLoadRealRedis(t *testing.T) {
	s := newSite(t, "")
	s.startRedis()
	proveKills(t, s, 6)
	s.sameInRedis()
}

func proveKills(t *testing.T, s *site, kills int) {
	// A commit takes as long as everything around it, so that every other kill
	// falls into one: an ack sent a moment too early would be found out.
	s.putFaultDisk().slowWrites(100 * time.Microsecond)
	load := newLoad(t, s, 6, 3000)
	wall := s.enrol(1, surveys.DeviceWallBoard, "")[0]
	running := s.start()
	board := s.hangBoard(wall, nil)
	reports := newReporter(t, s, running)
	load.connect()
	load.begin()
	reports.begin(load)
	productive, before := 0, 0
	for range kills {
		moment := 10*time.Millisecond + time.Duration(load.random.Int64N(int64(290*time.Millisecond)))
		<-time.After(moment)
		running.kill()
		if acked, _ := load.ledger.count(); acked > before {
			productive, before = productive+1, acked
		}
		running = s.start()
		running.await("/readyz", 200, "")
	}
	reports.end()
	load.drain()
	acked, duplicates := load.ledger.count()
	t.Logf("%d kills, %d lives with acknowledgements: %d facts acknowledged, %d of them when sent again, %d transactions reported",
		kills, productive, acked, duplicates, len(reports.accepted))
	if productive < kills/3 {
		t.Errorf("facts were acknowledged in %d of %d lives: too few were killed under load", productive, kills)
	}
	s.boardShows(board, load.ledger.totals())
	running.stop()
	load.prove()
	reports.prove()
}

// reporter is a window system that reports transactions over HTTP, each until
// it is accepted.
type reporter struct {
	*site
	token    string
	stop     chan struct{}
	ended    sync.WaitGroup
	accepted map[surveys.TransactionNumber]surveys.FactID
}

func newReporter(t *testing.T, s *site, running *life) *reporter {
	t.Helper()
	desk := newDeskClient(s.url())
	if _, err := desk.signInFirst(t.Context(), running.password); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	token, err := desk.createToken(t.Context(), "proof")
	if err != nil {
		t.Fatalf("create token: %v", err)
	}
	return &reporter{site: s, token: token, stop: make(chan struct{}), accepted: map[surveys.TransactionNumber]surveys.FactID{}}
}

func (r *reporter) begin(l *load) {
	r.ended.Go(func() {
		desk := newDeskClient(r.url())
		for n := 0; ; n++ {
			number := surveys.TransactionNumber(fmt.Sprintf("H%d", n))
			window := windows[rand.IntN(len(windows))]
			id, ok := r.report(desk, window, number)
			if !ok {
				return
			}
			r.accepted[number] = id
			l.prompts[window] <- id
		}
	})
}

// report repeats a report until it is accepted; false: it is time to end.
func (r *reporter) report(desk *deskClient, window surveys.PlaceID, number surveys.TransactionNumber) (surveys.FactID, bool) {
	body := map[string]any{"transaction": number, "kind": surveys.WindowSettlement, "staff": "1024"}
	for {
		select {
		case <-r.stop:
			return surveys.FactID{}, false
		default:
		}
		var answer struct {
			PromptID surveys.FactID `json:"prompt_id"`
		}
		if err := desk.call(r.t.Context(), "POST", "/api/v1/windows/"+string(window)+"/transactions", r.token, body, &answer); err == nil {
			return answer.PromptID, true
		}
		rest(r.t.Context(), 5*time.Millisecond)
	}
}

func (r *reporter) end() {
	close(r.stop)
	r.ended.Wait()
}

// prove proves that each accepted transaction is in the store, with the id
// that was told.
func (r *reporter) prove() {
	r.t.Helper()
	kept := r.times("SELECT id FROM prompts WHERE number LIKE 'H%'")
	for number, id := range r.accepted {
		if kept[id] != 1 {
			r.t.Errorf("transaction %s was accepted as %s and is in the store %d times", number, id, kept[id])
		}
	}
}

// A gateway asked to stop under load answers what it took, closes its store
// and exits with 0.
func TestProofStoppedUnderLoad(t *testing.T) {
	s := newSite(t, "")
	load := newLoad(t, s, 6, 500)
	for range 3 {
		running := s.start()
		if load.hold == nil {
			load.connect()
			load.begin()
		}
		before, _ := load.ledger.count()
		eventually(t, "the tablets rate", func() bool {
			acked, _ := load.ledger.count()
			return acked > before+200
		})
		running.stop()
		s.proveKept(load.ledger.ackedIDs())
	}
	s.start()
	load.drain()
	load.prove()
}
