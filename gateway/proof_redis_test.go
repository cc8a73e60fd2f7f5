package main

import (
	"strings"
	"testing"

	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// Redis is a copy. Flushed, killed and started again empty under load it stops
// nobody from rating; meanwhile the boards say that they are behind, and then
// are right again without anybody's doing.
func TestProofRedisMayVanishRealRedis(t *testing.T) {
	s := newSite(t, "")
	redis := s.startRedis()
	load := newLoad(t, s, 6, 4000)
	load.hands = 1
	wall := s.enrol(1, surveys.DeviceWallBoard, "")[0]
	running := s.start()
	board := s.hangBoard(wall, nil)
	load.connect()
	load.begin()
	boardMoves(t, load, board, "at the start")

	redis.flush()
	boardMoves(t, load, board, "after FLUSHALL")

	for range 2 {
		redis.Kill()
		before := load.acks.Load()
		body := running.await("/readyz", 200, "degraded")
		if !strings.Contains(body, "ratings are kept") {
			t.Errorf("/readyz does not say what that means: %s", body)
		}
		boardSays(t, board, "behind", func(b *tabletclient.BoardState) bool { return b.Behind })
		if during := load.acks.Load() - before; during < 50 {
			t.Errorf("%d ratings were acknowledged while Redis was away, want hundreds", during)
		}
		redis.Start()
		running.await("/readyz", 200, `"ready"`)
		boardMoves(t, load, board, "after an empty restart")
	}
	if n := load.retries.Load(); n > 0 {
		t.Errorf("%d ratings were sent back to be tried again; Redis is none of a tablet's business", n)
	}
	load.drain()
	s.boardShows(board, load.ledger.totals())
	s.sameInRedis()
	acked, _ := load.ledger.count()
	t.Logf("%d facts acknowledged, scores made anew %d times", acked, running.metric("qingfeng_projection_rebuilds_total"))
	running.stop()
	load.prove()
}

// boardMoves waits until a board shows, as its present, at least what is
// acknowledged now.
func boardMoves(t *testing.T, l *load, board *tabletclient.Board, when string) {
	t.Helper()
	before := l.acks.Load()
	eventually(t, "the tablets rate "+when, func() bool { return l.acks.Load() >= before+100 })
	ids := l.ledger.ackedIDs()
	var want int64
	l.ledger.mu.Lock()
	for _, id := range ids {
		if l.ledger.made[id].kind == surveys.EventRatingRecorded {
			want++
		}
	}
	l.ledger.mu.Unlock()
	boardSays(t, board, "the present "+when, func(b *tabletclient.BoardState) bool {
		return !b.Behind && b.Hospital.Figure.Answered+b.Hospital.Unasked.Answered >= want
	})
}

func boardSays(t *testing.T, board *tabletclient.Board, what string, holds func(b *tabletclient.BoardState) bool) {
	t.Helper()
	ok := func(b *tabletclient.BoardState, _ tabletclient.Counts) bool { return holds(b) }
	if err := board.Wait(within(t, patience), ok); err != nil {
		t.Fatalf("the board never said %s: %v", what, err)
	}
}

func (r *realRedis) flush() {
	r.t.Helper()
	redistest.FlushAll(r.t, r.client())
}
