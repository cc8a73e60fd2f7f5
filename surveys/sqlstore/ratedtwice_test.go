package sqlstore_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// from gives a copy of a rating as another device would send it.
func from(device uint64, r *surveys.Rating) *surveys.Rating {
	c := *r
	c.Origin.Device = storetest.ID(storetest.Noon(), device)
	return &c
}

func flagsOf(t *testing.T, s *sqlstore.Store, id surveys.FactID) string {
	t.Helper()
	var flags surveys.Flags
	if err := s.Ask(t.Context(), &flags, "SELECT flags FROM ratings WHERE id = ?", id[:]); err != nil {
		t.Fatalf("read flags of %s: %v", id, err)
	}
	return flags.String()
}

// tally is how many ratings of a grade count, flagged or not.
type tally struct {
	grade   surveys.Grade
	flagged bool
}

// addTo adds what an event says about ratings, as the boards understand it.
func (t tally) addTo(sums map[tally]int64, kind surveys.EventKind, n int64) {
	switch kind {
	case surveys.EventRatingFlagged:
		tally{t.grade, false}.addTo(sums, surveys.EventRatingRecorded, -n)
		t.addTo(sums, surveys.EventRatingRecorded, n)
	case surveys.EventRatingRecorded:
		if sums[t] += n; sums[t] == 0 {
			delete(sums, t)
		}
	}
}

// published adds up the events one by one, recounted the groups of a fold.
func published(t *testing.T, s *sqlstore.Store) map[tally]int64 {
	t.Helper()
	sums := map[tally]int64{}
	for _, e := range events(t, s) {
		tally{e.Grade, e.Flagged}.addTo(sums, e.Kind, 1)
	}
	return sums
}

func recounted(t *testing.T, s *sqlstore.Store, from surveys.Day) map[tally]int64 {
	t.Helper()
	sums := map[tally]int64{}
	for text, n := range folded(t, s, from) {
		var e surveys.Event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		tally{e.Grade, e.Flagged}.addTo(sums, e.Kind, n)
	}
	return sums
}

// Two ratings for one transaction: the first counts and carries the flag, the
// second is set aside. Nothing else is a second rating.
func TestRatedTwiceIsFlagged(t *testing.T) {
	now := storetest.Noon()
	prompt := storetest.Prompt(90, now, "88121")
	first, second := asked(1, now, 2, prompt.ID), from(7, asked(2, now.Add(time.Second), 5, prompt.ID))
	third := from(8, asked(3, now.Add(2*time.Second), 1, prompt.ID))
	changed, unreadable, another, late := *first, *second, *second, *first
	changed.Grade = 5
	unreadable.Questionnaire = "0000000000000000"
	another.Prompt = storetest.ID(now, 91)
	late.Flags = surveys.FlagShortDwell
	why := detail(4, now.Add(3*time.Second), first.ID, "queue")
	const (
		offered  = surveys.EventPromptOffered
		rated    = surveys.EventRatingRecorded
		flagged  = surveys.EventRatingFlagged
		detailed = surveys.EventRatingDetailed
	)
	for _, tt := range []struct {
		name       string
		facts      []surveys.Fact
		wantFlags  string // of the first
		wantEvents []surveys.EventKind
		wantCounts map[tally]int64
	}{
		{"once", []surveys.Fact{first}, "", []surveys.EventKind{offered, rated}, map[tally]int64{{2, false}: 1}},
		{"sent again", []surveys.Fact{first, first, first}, "", []surveys.EventKind{offered, rated}, map[tally]int64{{2, false}: 1}},
		{"sent again changed", []surveys.Fact{first, &changed}, "", []surveys.EventKind{offered, rated}, map[tally]int64{{2, false}: 1}},
		{"twice", []surveys.Fact{first, second}, "rated_twice", []surveys.EventKind{offered, rated, flagged}, map[tally]int64{{2, true}: 1}},
		{"the second sent again", []surveys.Fact{first, second, second, first}, "rated_twice",
			[]surveys.EventKind{offered, rated, flagged}, map[tally]int64{{2, true}: 1}},
		{"three times", []surveys.Fact{first, second, third}, "rated_twice", []surveys.EventKind{offered, rated, flagged}, map[tally]int64{{2, true}: 1}},
		{"the second cannot be read", []surveys.Fact{first, &unreadable}, "", []surveys.EventKind{offered, rated}, map[tally]int64{{2, false}: 1}},
		{"another transaction", []surveys.Fact{first, &another}, "", []surveys.EventKind{offered, rated, offered, rated},
			map[tally]int64{{2, false}: 1, {5, false}: 1}},
		{"flagged before", []surveys.Fact{&late, second}, "short_dwell,rated_twice", []surveys.EventKind{offered, rated}, map[tally]int64{{2, true}: 1}},
		{"a detail before all", []surveys.Fact{why, first, second}, "rated_twice",
			[]surveys.EventKind{offered, rated, detailed, flagged}, map[tally]int64{{2, true}: 1}},
		{"a detail between", []surveys.Fact{first, why, second}, "rated_twice",
			[]surveys.EventKind{offered, rated, detailed, flagged}, map[tally]int64{{2, true}: 1}},
		{"a detail after both", []surveys.Fact{first, second, why}, "rated_twice",
			[]surveys.EventKind{offered, rated, flagged, detailed}, map[tally]int64{{2, true}: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			createPrompt(t, s, prompt)
			createPrompt(t, s, storetest.Prompt(91, now, "88122"))
			for _, f := range tt.facts {
				record(t, s, f)
			}
			if got := flagsOf(t, s, first.ID); got != tt.wantFlags {
				t.Errorf("the first has the flags %q, want %q", got, tt.wantFlags)
			}
			var kinds []surveys.EventKind
			for _, e := range events(t, s) {
				kinds = append(kinds, e.Kind)
			}
			if diff := cmp.Diff(tt.wantEvents, kinds); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.wantCounts, published(t, s)); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.wantCounts, recounted(t, s, 0)); diff != "" {
				t.Errorf("recounted (-want +got):\n%s", diff)
			}
			mustVerify(t, s)
		})
	}
}

// The correction belongs to the rating it corrects, days later too.
func TestCorrectionRepeatsTheRating(t *testing.T) {
	s := storetest.New(t)
	then := storetest.Noon().AddDate(0, 0, -3)
	prompt := createPrompt(t, s, storetest.Prompt(90, then, "88121"))
	record(t, s, asked(1, then, 2, prompt.ID))
	later := storetest.Noon().Add(5 * time.Hour)
	elsewhere := from(7, asked(2, later, 5, prompt.ID))
	elsewhere.Place, elsewhere.Department, elsewhere.Mode = "ward-3", "cardiology", surveys.ModeBedside
	record(t, s, elsewhere)
	got := events(t, s)
	if len(got) != 3 || got[1].Kind != surveys.EventRatingRecorded || got[1].Day != 20261118 || len(got[1].Staff) != 16 {
		t.Fatalf("events: %+v", got)
	}
	want := got[1]
	want.Kind, want.Flagged, want.At = surveys.EventRatingFlagged, true, later.UnixMilli()
	if diff := cmp.Diff(want, got[2]); diff != "" {
		t.Errorf("the correction (-want +got):\n%s", diff)
	}
	mustVerify(t, s)
}

// The flag, its event and the set-aside are one transaction.
func TestRatedTwiceIsAllOrNothing(t *testing.T) {
	s := storetest.New(t)
	now := storetest.Noon()
	prompt := createPrompt(t, s, storetest.Prompt(90, now, "88121"))
	first, second := asked(1, now, 2, prompt.ID), from(7, asked(2, now, 5, prompt.ID))
	record(t, s, first)
	if err := s.Meddle(t.Context(), "CREATE TRIGGER broken BEFORE INSERT ON set_asides BEGIN SELECT raise(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if outcome, err := s.Record(t.Context(), second); err == nil || outcome != surveys.OutcomeRetry {
		t.Errorf("with the set-aside refused: %s, %v; want it to be sent again", outcome, err)
	}
	if flags, n := flagsOf(t, s, first.ID), len(events(t, s)); flags != "" || n != 2 {
		t.Errorf("after the failure: flags %q, %d events; want none and 2", flags, n)
	}
	mustVerify(t, s)
	if err := s.Meddle(t.Context(), "DROP TRIGGER broken"); err != nil {
		t.Fatal(err)
	}
	if got := record(t, s, second); got != surveys.OutcomeAlreadyRated {
		t.Errorf("sent again: %s", got)
	}
	if flags, n := flagsOf(t, s, first.ID), len(events(t, s)); flags != "rated_twice" || n != 3 {
		t.Errorf("sent again: flags %q, %d events; want rated_twice and 3", flags, n)
	}
	mustVerify(t, s)
}

// Many transactions, each rated up to four times, with details, resends and new
// starts in between, in any order: whatever came first counts, flagged if
// anything came after it.
func TestRatedTwiceInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	const transactions = 60
	var facts []surveys.Fact
	for i := range uint64(transactions) {
		at := storetest.Noon().AddDate(0, 0, -random.IntN(4))
		prompt := createPrompt(t, s, storetest.Prompt(1000+i, at, surveys.TransactionNumber(fmt.Sprint(i))))
		for n := range uint64(1 + random.IntN(4)) {
			r := from(n, asked(10*i+n, at.Add(time.Duration(n)*time.Second), surveys.Grade(1+random.IntN(5)), prompt.ID))
			if random.IntN(5) == 0 {
				r.Flags = surveys.FlagShortDwell
			}
			facts = append(facts, r)
			for range random.IntN(2) {
				facts = append(facts, r)
			}
			if random.IntN(3) == 0 {
				facts = append(facts, detail(5000+10*i+n, at, r.ID, "queue"))
			}
		}
	}
	random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })

	firsts, twice := map[surveys.FactID]*surveys.Rating{}, map[surveys.FactID]bool{}
	for i, f := range facts {
		record(t, s, f)
		if r, ok := f.(*surveys.Rating); ok {
			if first := firsts[r.Prompt]; first == nil {
				firsts[r.Prompt] = r
			} else if first.ID != r.ID {
				twice[r.Prompt] = true
			}
		}
		if i%50 == 49 { // what the writer remembers must not matter
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = storetest.Open(t, path)
		}
	}
	want := map[tally]int64{}
	for id, first := range firsts {
		flags := first.Flags
		if twice[id] {
			flags |= surveys.FlagRatedTwice
		}
		if got := flagsOf(t, s, first.ID); got != flags.String() {
			t.Errorf("the first rating of %s has the flags %q, want %q (seed %d)", id, got, flags, seed)
		}
		want[tally{first.Grade, flags != 0}]++
	}
	for name, got := range map[string]map[tally]int64{
		"published": published(t, s), "recounted": recounted(t, s, 0),
		"daily sums": recounted(t, s, 20990101), "both": recounted(t, s, 20261120),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got), seed %d:\n%s", name, seed, diff)
		}
	}
	mustVerify(t, s)
	if days, err := s.RebuildRollups(t.Context()); err != nil || days != 0 {
		t.Errorf("%d days were wrong, %v", days, err)
	}
}

func TestVerifyFindsAFlagWithoutASecondRating(t *testing.T) {
	s := storetest.New(t)
	now := storetest.Noon()
	record(t, s, asked(1, now, 2, createPrompt(t, s, storetest.Prompt(90, now, "88121")).ID))
	if err := s.Meddle(t.Context(), "UPDATE ratings SET flags = ?", int64(surveys.FlagRatedTwice)); err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(report.Problems, "; ")
	for _, want := range []string{"rating_flagged on 2026", "1 ratings are flagged as rated twice, with no second one"} {
		if !strings.Contains(got, want) {
			t.Errorf("verify found %q, want %q in it", got, want)
		}
	}
}
