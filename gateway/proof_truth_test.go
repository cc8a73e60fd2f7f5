package main

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics/redisstream"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/gateway/internal/outbox"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// This file holds what tablets were told against what the store, Redis and the
// boards have.

// query reads the store's file without the store's own code.
func (s *site) query(text string, each func(rows *sql.Rows) error) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.config().StorePath()+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(s.t.Context(), text)
	if err != nil {
		s.t.Fatalf("query the store's file: %v", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			s.t.Fatalf("query the store's file: %v", err)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatalf("query the store's file: %v", err)
	}
}

func (s *site) number(text string) (n int64) {
	s.t.Helper()
	s.query(text, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n
}

// times counts how often each id stands in a column.
func (s *site) times(text string) map[surveys.FactID]int {
	s.t.Helper()
	found := map[surveys.FactID]int{}
	s.query(text, func(rows *sql.Rows) error {
		var id []byte
		err := rows.Scan(&id)
		found[surveys.FactID(id)]++
		return err
	})
	return found
}

// prove holds a drained load against the store: each acknowledged fact is
// there exactly once, there is nothing that nobody made, a recount of the
// facts gives what the patients did, and verify finds nothing.
func (l *load) prove() {
	l.t.Helper()
	l.proveKept(l.ledger.ackedIDs())
	stored := l.times("SELECT id FROM facts WHERE outcome = 1")
	for id := range stored {
		if _, known := l.ledger.made[id]; !known {
			l.t.Errorf("the store has fact %s, which nobody made", id)
		}
	}
	if len(stored) != len(l.ledger.made) {
		l.t.Errorf("the store has %d facts, %d were made", len(stored), len(l.ledger.made))
	}
	if diff := cmp.Diff(l.ledger.counts(), l.foldStore(), cmp.AllowUnexported(fact{})); diff != "" {
		l.t.Errorf("recount of the facts (-made +stored):\n%s", diff)
	}
	l.verify()
}

// proveKept proves that acknowledged facts are in the store once each.
func (s *site) proveKept(acked []surveys.FactID) {
	s.t.Helper()
	facts := s.times("SELECT id FROM facts WHERE outcome = 1")
	rows := s.times("SELECT id FROM ratings UNION ALL SELECT id FROM details")
	missing, double := 0, 0
	for _, id := range acked {
		switch {
		case facts[id] == 0 || rows[id] == 0:
			missing++
		case facts[id] > 1 || rows[id] > 1:
			double++
		}
	}
	if missing+double > 0 {
		s.t.Errorf("of %d acknowledged facts %d are missing and %d are double", len(acked), missing, double)
	}
}

// hangBoard shows the hospital on a wall, until the test ends.
func (s *site) hangBoard(id tabletclient.Identity, onFrame func(tabletclient.Head, []byte)) *tabletclient.Board {
	s.t.Helper()
	board := tabletclient.NewBoard(tabletclient.BoardOptions{
		// Seven days, so that a proof at midnight sees yesterday too.
		Server: s.server(), Identity: &id, Period: "7d", OnFrame: onFrame, FirstPause: 10 * time.Millisecond, LastPause: 100 * time.Millisecond,
	})
	go func() {
		if err := board.Run(s.t.Context()); err != nil {
			s.t.Errorf("the board was stopped: %v", err)
		}
	}()
	return board
}

// boardShows waits until a board shows exactly these totals, and says that it
// is not behind.
func (s *site) boardShows(board *tabletclient.Board, want totals) {
	s.t.Helper()
	var got totals
	err := board.Wait(within(s.t, patience), func(b *tabletclient.BoardState, _ tabletclient.Counts) bool {
		got = totals{Offered: b.Hospital.Figure.Offered, Asked: b.Hospital.Figure.Answered, Unasked: b.Hospital.Unasked.Answered}
		copy(got.Grades[:], b.Hospital.Figure.Grades)
		return got == want && !b.Behind
	})
	if err != nil {
		s.t.Errorf("the board does not come to show what was stored: %v (-stored +shown):\n%s", err, cmp.Diff(want, got))
	}
}

// sameInRedis recounts the store and compares with what Redis has.
func (s *site) sameInRedis() {
	s.t.Helper()
	client, err := redisstream.Open(s.env["QINGFENG_REDIS"])
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		cfg := s.config()
		differences, err := outbox.Compare(ctx, outbox.Target{Source: store, Client: client, Node: cfg.Node, Zone: cfg.Location(), Now: time.Now})
		if err != nil {
			s.t.Errorf("compare Redis with a recount: %v", err)
		}
		for _, d := range differences {
			s.t.Errorf("Redis differs from a recount: %v", d)
		}
	})
}

// realRedis is a redis-server of the test's own.
type realRedis struct {
	*redistest.Server
	t *testing.T
}

// startRedis starts one that keeps nothing on disk, and points the site to it.
func (s *site) startRedis() *realRedis {
	s.t.Helper()
	r := &realRedis{redistest.StartTCP(s.t), s.t}
	s.env["QINGFENG_REDIS"] = r.URL
	return r
}
