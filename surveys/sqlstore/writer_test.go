package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// When done is called, another connection already sees the fact, its event,
// its count and its call-back: they went into one transaction.
func TestDoneComesAfterTheCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	other, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	seen := make(chan [4]int, 1)
	s.Submit(storetest.Rating(1, storetest.Noon(), 1), func(o surveys.Outcome, err error) {
		var n [4]int
		err = errors.Join(err, other.QueryRow(`SELECT (SELECT count(*) FROM ratings), (SELECT count(*) FROM outbox),
			(SELECT sum(n) FROM event_counts), (SELECT count(*) FROM callbacks)`).Scan(&n[0], &n[1], &n[2], &n[3]))
		if err != nil || o != surveys.OutcomeStored {
			t.Errorf("outcome %s, %v", o, err)
		}
		seen <- n
	})
	if got := <-seen; got != [4]int{1, 1, 1, 1} {
		t.Errorf("at the acknowledgement there were %v ratings, events, counts, call-backs; want one of each", got)
	}
	select {
	case <-s.Committed():
	case <-time.After(10 * time.Second):
		t.Error("nobody was told of the event")
	}
}

func TestWaitingFactsShareACommit(t *testing.T) {
	s := storetest.New(t)
	release := s.HoldWriter()
	before := s.Stats().Commits
	var left sync.WaitGroup
	const n = 400
	left.Add(n)
	for i := range n {
		s.Submit(storetest.Rating(uint64(i), storetest.Noon(), 5), func(surveys.Outcome, error) { left.Done() })
	}
	release()
	left.Wait()
	if commits := s.Stats().Commits - before; commits > 2 {
		t.Errorf("%d waiting facts took %d commits, want at most 2", n, commits)
	}
}

func TestFullQueueSaysBusy(t *testing.T) {
	s := storetest.New(t, func(o *sqlstore.Options) { o.QueueLimit = 3 })
	release := s.HoldWriter()
	var busy, stored atomic.Int64
	var left sync.WaitGroup
	left.Add(20)
	for i := range 20 {
		s.Submit(storetest.Rating(uint64(i), storetest.Noon(), 5), func(o surveys.Outcome, err error) {
			defer left.Done()
			switch {
			case o == surveys.OutcomeRetry && errors.Is(err, sqlstore.ErrBusy):
				busy.Add(1)
			case o == surveys.OutcomeStored && err == nil:
				stored.Add(1)
			default:
				t.Errorf("outcome %s, %v", o, err)
			}
		})
	}
	release()
	left.Wait()
	// The writer may have taken up to a queueful before it was held.
	if busy.Load() < 14 || busy.Load()+stored.Load() != 20 {
		t.Errorf("busy %d, stored %d of 20 with room for 3", busy.Load(), stored.Load())
	}
	var rows int64
	if err := s.Ask(t.Context(), &rows, "SELECT count(*) FROM ratings"); err != nil || rows != stored.Load() {
		t.Errorf("%d ratings on disk, %d acknowledged (%v)", rows, stored.Load(), err)
	}
}

// A full disk answers "retry", loses nothing it acknowledged, and the writer
// goes on by itself when there is room again.
func TestFullDiskAndRecovery(t *testing.T) {
	s := storetest.New(t)
	ctx := t.Context()
	pages, err := s.Pragma(ctx, "page_count")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pragma(ctx, fmt.Sprintf("max_page_count = %d", pages+30)); err != nil {
		t.Fatal(err)
	}
	stored, n := 0, 0
	for full := false; !full; n++ {
		outcome, err := s.Record(ctx, storetest.Rating(uint64(n), storetest.Noon(), 1))
		switch {
		case outcome == surveys.OutcomeStored && err == nil:
			stored++
		case outcome == surveys.OutcomeRetry && errors.Is(err, sqlstore.ErrUnavailable) && strings.Contains(err.Error(), "full"):
			full = true
		default:
			t.Fatalf("fact %d: %s, %v", n, outcome, err)
		}
		if n > 100_000 {
			t.Fatal("the disk never filled up")
		}
	}
	if err := s.Ping(ctx); !isErr(err, sqlstore.ErrUnavailable) {
		t.Errorf("ping says %v with a full disk", err)
	}
	if st := s.Stats(); !st.Failing || st.LastError == "" || st.Failed == 0 {
		t.Errorf("stats say %+v with a full disk", st)
	}
	err = s.AppendAudit(ctx, sqlstore.AuditEntry{Action: "test", Detail: strings.Repeat("x", 400_000)})
	if !isErr(err, sqlstore.ErrUnavailable) {
		t.Errorf("an action on a full disk: %v, want ErrUnavailable", err)
	}
	for {
		_, err := s.Pragma(ctx, "max_page_count = 1000000")
		if err == nil {
			break
		}
	}
	for i := stored; i < stored+100; i++ {
		if outcome, err := s.Record(ctx, storetest.Rating(uint64(i), storetest.Noon(), 1)); outcome != surveys.OutcomeStored {
			t.Fatalf("with room again: %s, %v", outcome, err)
		}
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping says %v with room again", err)
	}
	var rows int
	if err := s.Ask(ctx, &rows, "SELECT count(*) FROM ratings"); err != nil || rows != stored+100 {
		t.Errorf("%d ratings on disk, want %d (%v)", rows, stored+100, err)
	}
	mustVerify(t, s)
}

// A store that could not write finds out by itself that it can again: nobody
// has to send it anything.
func TestRecoversWithoutTraffic(t *testing.T) {
	s := storetest.New(t)
	ctx := t.Context()
	if _, err := s.Pragma(ctx, "max_page_count = 1"); err != nil { // no more than it has
		t.Fatal(err)
	}
	for i := uint64(0); s.Ping(ctx) == nil; i++ {
		if _, err := s.Record(ctx, storetest.Rating(i, storetest.Noon(), 5)); err != nil && !isErr(err, sqlstore.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if err := s.MakeRoom(); err != nil {
		t.Fatal(err)
	}
	tick, late := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for s.Stats().Failing {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it still says that it fails")
		}
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	mustVerify(t, s)
}

// One action that fails, or one fact the database refuses, undoes itself and
// nothing beside it in the batch.
func TestOneFailureSpoilsNobodyElse(t *testing.T) {
	for _, tt := range []struct{ facts, refused int }{{40, 20}, {1, 0}} {
		t.Run(fmt.Sprintf("%d facts", tt.facts), func(t *testing.T) { oneFailure(t, tt.facts, tt.refused) })
	}
}

// oneFailure sends facts that wait for one commit; the database refuses one.
func oneFailure(t *testing.T, facts, refused int) {
	s := storetest.New(t)
	ctx := t.Context()
	err := s.Meddle(ctx, "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.ratings WHEN new.dwell_ms = 666 BEGIN SELECT RAISE(ABORT, 'no'); END")
	if err != nil {
		t.Fatal(err)
	}
	release := s.HoldWriter()
	mine := errors.New("mine")
	var left sync.WaitGroup
	outcomes := make([]surveys.Outcome, facts)
	for i := range outcomes {
		left.Add(1)
		f := storetest.Rating(uint64(i), storetest.Noon(), 5)
		if i == refused {
			f.Dwell = 666 * time.Millisecond
		}
		s.Submit(f, func(o surveys.Outcome, err error) {
			defer left.Done()
			if outcomes[i] = o; err != nil {
				t.Errorf("fact %d: %v", i, err)
			}
		})
		if i == 10 {
			left.Add(1)
			go func() {
				defer left.Done()
				if err := s.Fail(ctx, mine); !errors.Is(err, mine) {
					t.Errorf("the failing action: %v", err)
				}
			}()
		}
	}
	release()
	left.Wait()
	if st := s.Stats(); st.Failing {
		t.Errorf("the store says it fails: %s", st.LastError)
	}
	for i, o := range outcomes {
		want := surveys.OutcomeStored
		if i == refused {
			want = surveys.OutcomeInvalid
		}
		if o != want {
			t.Errorf("fact %d: %s, want %s", i, o, want)
		}
	}
	var spoilt int
	if err := s.Ask(ctx, &spoilt, "SELECT count(*) FROM settings WHERE name = 'spoilt'"); err != nil || spoilt != 0 {
		t.Errorf("the failed action left %d rows (%v)", spoilt, err)
	}
	aside, err := s.SetAsides(ctx, true)
	if err != nil || len(aside) != 1 || aside[0].Reason != sqlstore.ReasonRefusedByStore {
		t.Errorf("set aside: %+v, %v", aside, err)
	}
	mustVerify(t, s)
}

// A transaction that could not be rolled back is rolled back before the next,
// which is not told of it.
func TestATransactionLeftOpenIsRolledBack(t *testing.T) {
	s := storetest.New(t)
	if err := s.LeaveTransactionOpen(); err != nil {
		t.Fatal(err)
	}
	if got := record(t, s, storetest.Rating(1, storetest.Noon(), 5)); got != surveys.OutcomeStored {
		t.Errorf("outcome %s", got)
	}
	mustVerify(t, s)
}

// A command that ends beside the gateway must neither fail over a reader of the
// gateway's nor hold up its commits.
func TestClosingBesideAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	gateway, command := storetest.Open(t, path), storetest.Open(t, path)
	ctx := t.Context()
	reader, err := gateway.Reading().BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	var n int
	if err := reader.QueryRow("SELECT count(*) FROM facts").Scan(&n); err != nil { // fixes the reader's moment
		t.Fatal(err)
	}
	record(t, command, storetest.Rating(1, storetest.Noon(), 5))
	started := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- command.Close() }()
	for i, ended := uint64(2), false; !ended; i++ {
		record(t, gateway, storetest.Rating(i, storetest.Noon(), 5))
		select {
		case err := <-closed:
			if err != nil {
				t.Errorf("close: %v", err)
			}
			ended = true
		default:
		}
	}
	if took := time.Since(started); took > 8*time.Second { // the busy timeout is 10 s
		t.Errorf("closing beside a reader took %s", took)
	}
}

// Many tablets at once, each sending some facts twice, some changed, some in
// the wrong order; every number afterwards is known beforehand.
func TestStress(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := storetest.New(t)
	ctx := t.Context()
	const tablets, each = 8, 150
	var want struct{ ratings, details, offered, low, conflicts, already atomic.Int64 }
	prompts := make([]surveys.Prompt, tablets*each)
	for i := range prompts {
		p := storetest.Prompt(uint64(1_000_000+i), storetest.Noon(), surveys.TransactionNumber(fmt.Sprint(i)))
		prompts[i] = p
	}
	var left sync.WaitGroup
	send := func(f surveys.Fact, want surveys.Outcome) {
		left.Add(1)
		s.Submit(f, func(o surveys.Outcome, err error) {
			defer left.Done()
			if err != nil || o != want && !(want == surveys.OutcomeStored && o == surveys.OutcomeDuplicate) {
				t.Errorf("%T: %s (%v), want %s", f, o, err, want)
			}
		})
	}
	tablet := func(n int) {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		for i := range each {
			at := storetest.Noon().Add(-time.Duration(r.IntN(72)) * time.Hour)
			number := uint64(n*each + i)
			rating := storetest.Rating(number*10, at, surveys.Grade(1+r.IntN(5)))
			rating.Origin.Device = storetest.ID(at, uint64(n)) // many: none opens more call-backs than one may
			if r.IntN(2) == 0 {
				p := prompts[number]
				if _, _, err := s.CreatePrompt(ctx, p); err != nil {
					t.Error(err)
				}
				rating.Prompt = p.ID
				want.offered.Add(1)
				if r.IntN(2) == 0 {
					send(shown(number*10+1, at, p.ID), surveys.OutcomeStored)
				}
			}
			want.ratings.Add(1)
			if rating.Grade.Low() {
				want.low.Add(1)
			}
			add := detail(number*10+2, at, rating.ID, "queue")
			withDetail, early := r.IntN(3) == 0, r.IntN(2) == 0
			if withDetail {
				want.details.Add(1)
			}
			if withDetail && early {
				send(add, surveys.OutcomeStored)
			}
			for range 1 + r.IntN(3) {
				send(rating, surveys.OutcomeStored)
			}
			if withDetail && !early {
				send(add, surveys.OutcomeStored)
			}
			if r.IntN(5) == 0 {
				other := *rating
				other.Dwell += time.Second
				want.conflicts.Add(1)
				send(&other, surveys.OutcomeConflict)
			}
			if !rating.Prompt.IsZero() && r.IntN(5) == 0 {
				want.already.Add(1)
				send(asked(number*10+3, at, 5, rating.Prompt), surveys.OutcomeAlreadyRated)
			}
		}
	}
	var running sync.WaitGroup
	for n := range tablets {
		running.Go(func() { tablet(n) })
	}
	folds := make(chan error, 1)
	go func() { // reading all the while
		var err error
		for range 20 {
			var sum int64
			mark, e := s.Fold(ctx, 0, func(_ *surveys.Event, n int64) error { sum += n; return nil })
			if e != nil || sum != mark {
				err = errors.Join(err, e, fmt.Errorf("a fold has %d events, watermark %d", sum, mark))
			}
		}
		folds <- err
	}()
	running.Wait()
	left.Wait()
	if err := <-folds; err != nil {
		t.Error(err)
	}
	kinds := map[surveys.EventKind]int64{}
	for _, e := range events(t, s) {
		kinds[e.Kind]++
	}
	var low int64
	if err := s.Ask(ctx, &low, "SELECT count(*) FROM callbacks"); err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int64{}
	aside, err := s.SetAsides(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range aside {
		reasons[a.Reason]++
	}
	for what, pair := range map[string][2]int64{
		"ratings":       {kinds[surveys.EventRatingRecorded], want.ratings.Load()},
		"details":       {kinds[surveys.EventRatingDetailed], want.details.Load()},
		"offered":       {kinds[surveys.EventPromptOffered], want.offered.Load()},
		"call-backs":    {low, want.low.Load()},
		"conflicts":     {reasons[sqlstore.ReasonConflict], want.conflicts.Load()},
		"already rated": {reasons[sqlstore.ReasonAlreadyRated], want.already.Load()},
		"rated twice":   {kinds[surveys.EventRatingFlagged], want.already.Load()},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d (seed %d)", what, pair[0], pair[1], seed)
		}
	}
	mustVerify(t, s)
}

func TestPruningKeepsTheNumbersGoing(t *testing.T) {
	s := storetest.New(t)
	for i := range 3 {
		record(t, s, storetest.Rating(uint64(i), storetest.Noon(), 5))
	}
	if err := s.PruneEvents(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	record(t, s, storetest.Rating(9, storetest.Noon(), 5))
	left, err := s.EventsAfter(t.Context(), 0, 10)
	if err != nil || len(left) != 1 || left[0].Sequence != 4 {
		t.Errorf("after pruning: %+v, %v; want event 4 alone", left, err)
	}
	if last, err := s.LastSequence(t.Context()); err != nil || last != 4 {
		t.Errorf("last sequence %d, %v", last, err)
	}
	mustVerify(t, s)
}

func TestCheckpointEmptiesTheLog(t *testing.T) {
	s := storetest.New(t)
	if err := storetest.Seed(t.Context(), s, storetest.SeedOptions{Ratings: 2000, Days: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if s.Stats().WALBytes == 0 {
		t.Error("the keeper did not measure the log")
	}
	record(t, s, storetest.Rating(1, storetest.Noon(), 5)) // starts the log over
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats().WALBytes; got > 200<<10 {
		t.Errorf("the log has %d bytes after a checkpoint and one fact", got)
	}
}
