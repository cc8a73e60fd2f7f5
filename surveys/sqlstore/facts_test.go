package sqlstore_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

func record(t *testing.T, s *sqlstore.Store, f surveys.Fact) surveys.Outcome {
	t.Helper()
	outcome, err := s.Record(t.Context(), f)
	if err != nil {
		t.Fatalf("record: %v", err)
	}
	return outcome
}

func detail(n uint64, at time.Time, rating surveys.FactID, tags ...string) *surveys.RatingDetail {
	return &surveys.RatingDetail{ID: storetest.ID(at, n), Origin: storetest.OriginAt(at), Rating: rating, Tags: tags}
}

func shown(n uint64, at time.Time, prompt surveys.FactID) *surveys.PromptShown {
	return &surveys.PromptShown{ID: storetest.ID(at, n), Origin: storetest.OriginAt(at), Prompt: prompt}
}

func asked(n uint64, at time.Time, grade surveys.Grade, prompt surveys.FactID) *surveys.Rating {
	r := storetest.Rating(n, at, grade)
	r.Prompt = prompt
	return r
}

// folded gives every group of the store as text with its count.
func folded(t *testing.T, s *sqlstore.Store, from surveys.Day) map[string]int64 {
	t.Helper()
	groups := map[string]int64{}
	_, err := s.Fold(t.Context(), from, func(e *surveys.Event, n int64) error {
		groups[string(surveys.AppendEvent(nil, e))] += n
		return nil
	})
	if err != nil {
		t.Fatalf("fold: %v", err)
	}
	return groups
}

func events(t *testing.T, s *sqlstore.Store) []surveys.Event {
	t.Helper()
	sequenced, err := s.EventsAfter(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	var list []surveys.Event
	for i, e := range sequenced {
		if e.Sequence != int64(i)+1 {
			t.Fatalf("event %d has sequence %d", i, e.Sequence)
		}
		list = append(list, e.Event)
	}
	return list
}

func mustVerify(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	report, err := s.Verify(t.Context())
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if !report.OK() {
		t.Errorf("verify found: %s", strings.Join(report.Problems, "; "))
	}
}

func createPrompt(t *testing.T, s *sqlstore.Store, p surveys.Prompt) surveys.Prompt {
	t.Helper()
	got, created, err := s.CreatePrompt(t.Context(), p)
	if err != nil || !created {
		t.Fatalf("create prompt: created %t, %v", created, err)
	}
	return got
}

func TestOutcomes(t *testing.T) {
	now := storetest.Noon()
	prompt := storetest.Prompt(90, now, "88121")
	rating := storetest.Rating(1, now, 5)
	changed := *rating
	changed.Grade = 1
	asDetail := detail(1, now, rating.ID, "careful") // the id of the rating
	wrongGrade, wrongVersion := storetest.Rating(2, now, 6), storetest.Rating(3, now, 4)
	wrongVersion.Questionnaire = "0000000000000000"
	conflictingPrompt := asked(5, now, 2, prompt.ID)
	type step struct {
		fact surveys.Fact
		want surveys.Outcome
	}
	tests := []struct {
		name       string
		steps      []step
		wantEvents []surveys.EventKind
		wantAside  []string // reasons
	}{
		{"the same again", []step{{rating, "stored"}, {rating, "duplicate"}, {rating, "duplicate"}}, []surveys.EventKind{surveys.EventRatingRecorded}, nil},
		{"the same id with another body", []step{{rating, "stored"}, {&changed, "conflict"}, {&changed, "conflict"}, {rating, "duplicate"}},
			[]surveys.EventKind{surveys.EventRatingRecorded}, []string{"conflict"}},
		{"the same id as another kind", []step{{rating, "stored"}, {asDetail, "conflict"}}, []surveys.EventKind{surveys.EventRatingRecorded}, []string{"conflict"}},
		{"a second rating of the transaction", []step{{asked(4, now, 5, prompt.ID), "stored"}, {conflictingPrompt, "already_rated"}, {conflictingPrompt, "already_rated"}},
			[]surveys.EventKind{surveys.EventPromptOffered, surveys.EventRatingRecorded, surveys.EventRatingFlagged}, []string{"already_rated"}},
		{"a grade that is none", []step{{wrongGrade, "invalid"}, {wrongGrade, "invalid"}}, nil, []string{"invalid"}},
		{"a version nobody published", []step{{wrongVersion, "invalid"}}, nil, []string{"unknown_version"}},
		{"a prompt nobody made", []step{{asked(6, now, 5, storetest.ID(now, 77)), "invalid"}}, nil, []string{"unknown_prompt"}},
		{"a showing of a prompt nobody made", []step{{shown(7, now, storetest.ID(now, 77)), "invalid"}}, nil, []string{"unknown_prompt"}},
		{"shown twice", []step{{shown(8, now, prompt.ID), "stored"}, {shown(9, now, prompt.ID), "stored"}}, []surveys.EventKind{surveys.EventPromptOffered}, nil},
		{"a detail", []step{{rating, "stored"}, {detail(10, now, rating.ID, "careful"), "stored"}},
			[]surveys.EventKind{surveys.EventRatingRecorded, surveys.EventRatingDetailed}, nil},
		{"a second detail", []step{{rating, "stored"}, {detail(10, now, rating.ID, "careful"), "stored"}, {detail(11, now, rating.ID, "careful"), "invalid"}},
			[]surveys.EventKind{surveys.EventRatingRecorded, surveys.EventRatingDetailed}, []string{"second_detail"}},
		{"a detail before its rating", []step{{detail(10, now, rating.ID, "careful"), "stored"}, {rating, "stored"}},
			[]surveys.EventKind{surveys.EventRatingRecorded, surveys.EventRatingDetailed}, nil},
		{"a detail of what is no rating", []step{{shown(8, now, prompt.ID), "stored"}, {detail(10, now, storetest.ID(now, 8), "careful"), "invalid"}},
			[]surveys.EventKind{surveys.EventPromptOffered}, []string{"not_a_rating"}},
		{"a detail before a rating that is set aside", []step{{detail(10, now, wrongGrade.ID, "careful"), "stored"}, {wrongGrade, "invalid"},
			{detail(10, now, wrongGrade.ID, "careful"), "invalid"}}, nil, []string{"invalid", "rating_set_aside"}},
		{"a detail before what is no rating", []step{{detail(10, now, storetest.ID(now, 8), "careful"), "stored"}, {shown(8, now, prompt.ID), "stored"}},
			[]surveys.EventKind{surveys.EventPromptOffered}, []string{"not_a_rating"}},
		{"a detail of a rating set aside", []step{{wrongGrade, "invalid"}, {detail(10, now, wrongGrade.ID, "careful"), "invalid"}}, nil,
			[]string{"invalid", "rating_set_aside"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.New(t)
			createPrompt(t, s, prompt)
			for i, step := range tt.steps {
				if got := record(t, s, step.fact); got != step.want {
					t.Errorf("step %d: outcome %q, want %q", i, got, step.want)
				}
			}
			var kinds []surveys.EventKind
			for _, e := range events(t, s) {
				kinds = append(kinds, e.Kind)
			}
			if diff := cmp.Diff(tt.wantEvents, kinds); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			aside, err := s.SetAsides(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			var reasons []string
			for _, a := range aside {
				reasons = append(reasons, a.Reason)
			}
			if diff := cmp.Diff(tt.wantAside, reasons); diff != "" {
				t.Errorf("set aside, oldest first (-want +got):\n%s", diff)
			}
			mustVerify(t, s)
		})
	}
}

// permutations of 0..n-1.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return all
}

// A tablet's facts may arrive in any order and more than once; what is counted
// must not depend on it.
func TestEveryOrderCountsTheSame(t *testing.T) {
	now := storetest.Noon()
	prompt := storetest.Prompt(90, now, "88121")
	rating := asked(2, now.Add(4*time.Second), 2, prompt.ID)
	facts := []surveys.Fact{
		shown(1, now.Add(time.Second), prompt.ID), rating, detail(3, now.Add(9*time.Second), rating.ID, "queue", "attitude"),
	}
	var want map[string]int64
	for _, order := range permutations(len(facts)) {
		s := storetest.New(t)
		createPrompt(t, s, prompt)
		for _, i := range order {
			if got := record(t, s, facts[i]); got != surveys.OutcomeStored {
				t.Fatalf("order %v, fact %d: %s", order, i, got)
			}
		}
		for _, f := range facts {
			if got := record(t, s, f); got != surveys.OutcomeDuplicate {
				t.Fatalf("order %v, again: %s", order, got)
			}
		}
		got := folded(t, s, 0)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order %v counts otherwise (-first +this):\n%s", order, diff)
		}
		mustVerify(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Join(slices.Sorted(maps.Keys(want)), "\n")
	if len(want) != 3 || !strings.Contains(text, `"tags":[{"item":"reasons","id":"attitude"},{"item":"reasons","id":"queue"}]`) {
		t.Errorf("counted:\n%s", text)
	}
}

// A detail that waited for a rating that cannot be read, or is set aside, waits
// no more, and what the patient wrote is kept for a person.
func TestWaitingDetailGoesWithItsRating(t *testing.T) {
	now := storetest.Noon()
	unreadable := func(s *sqlstore.Store, id surveys.FactID) error {
		return s.SetAside(t.Context(), sqlstore.SetAside{ID: id, Device: storetest.Device(), Kind: "rating", Reason: "bad_field", Body: []byte("{}")})
	}
	refused := func(s *sqlstore.Store, _ surveys.FactID) error {
		_, err := s.Record(t.Context(), storetest.Rating(1, now, 6))
		return err
	}
	for name, arrive := range map[string]func(*sqlstore.Store, surveys.FactID) error{"unreadable": unreadable, "refused": refused} {
		t.Run(name, func(t *testing.T) {
			s := storetest.New(t)
			early := detail(2, now, storetest.ID(now, 1), "queue")
			early.Comment, early.Phone = "等了一个小时", "138 0013 8000"
			record(t, s, early)
			waits := func() int64 {
				report, err := s.Verify(t.Context())
				if err != nil || !report.OK() {
					t.Fatalf("verify: %v, %v", report.Problems, err)
				}
				return report.Waiting
			}
			before := waits()
			if err := arrive(s, early.Rating); err != nil {
				t.Fatal(err)
			}
			if after := waits(); before != 1 || after != 0 {
				t.Errorf("%d details waited before, %d after; want 1 and 0", before, after)
			}
			var kept string
			aside, err := s.SetAsides(t.Context(), true)
			if err != nil || len(aside) != 2 {
				t.Fatalf("set aside: %+v, %v", aside, err)
			}
			for _, a := range aside {
				if a.ID != early.ID {
					continue
				}
				body, err := s.OpenSetAside(t.Context(), a.Number, admin)
				if err != nil || a.Reason != sqlstore.ReasonRatingSetAside || a.Device != storetest.Device() {
					t.Errorf("the detail is %+v, %v", a, err)
				}
				kept = string(body)
			}
			for _, want := range []string{"等了一个小时", "13800138000", `"queue"`, early.Rating.String()} {
				if !strings.Contains(kept, want) {
					t.Errorf("the kept detail %s lacks %q", kept, want)
				}
			}
		})
	}
}

// An answer on another tablet than the one that asked belongs to the window
// that asked: or one window could have more answers than it asked for.
func TestAnswerCountsWhereItWasAsked(t *testing.T) {
	s := storetest.New(t)
	now := storetest.Noon()
	prompt := createPrompt(t, s, storetest.Prompt(90, now, "88121"))
	early := detail(2, now.Add(2*time.Second), storetest.ID(now.Add(time.Second), 1), "queue")
	record(t, s, early)
	elsewhere := asked(1, now.Add(time.Second), 1, prompt.ID)
	elsewhere.Place, elsewhere.Department, elsewhere.Mode = "ward-3", "cardiology", surveys.ModeBedside
	record(t, s, elsewhere)
	got := events(t, s)
	for _, e := range got {
		if e.Place != "settlement-1" || e.Department != "finance" || e.Mode != surveys.ModeWindow {
			t.Errorf("%s counts at %s of %s, %s", e.Kind, e.Place, e.Department, e.Mode)
		}
		if e.Flagged != (e.Kind != surveys.EventPromptOffered) {
			t.Errorf("%s: flagged is %t", e.Kind, e.Flagged)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d events, want the asking, the answer and its detail", len(got))
	}
	var flags surveys.Flags
	if err := s.Ask(t.Context(), &flags, "SELECT flags FROM ratings"); err != nil || !flags.Has(surveys.FlagPlaceChanged) {
		t.Errorf("flags %v, %v", flags, err)
	}
	if c, err := s.FindCallback(t.Context(), 1); err != nil || c.Place != "settlement-1" || c.Department != "finance" {
		t.Errorf("the call-back is %+v, %v", c, err)
	}
	mustVerify(t, s)
}

// Whoever leans on a tablet fills neither the list of call-backs nor the
// scores, and nothing is thrown away.
func TestFloodOpensFewCallbacks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	now := storetest.Noon()
	opened := func(want int) {
		t.Helper()
		var n int
		if err := s.Ask(t.Context(), &n, "SELECT count(*) FROM callbacks"); err != nil || n != want {
			t.Errorf("%d call-backs, %v; want %d", n, err, want)
		}
	}
	for i := range uint64(registers.UnaskedCallbacks + 4) {
		if i == 10 { // a new start remembers nothing and must count again
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = storetest.Open(t, path)
		}
		record(t, s, storetest.Rating(i, now, 1))
	}
	opened(registers.UnaskedCallbacks)
	flagged := 0
	for _, e := range events(t, s) {
		if e.Flagged {
			flagged++
		}
	}
	if flagged != 4 {
		t.Errorf("%d ratings are flagged, want the 4 beyond the bound", flagged)
	}
	another, tomorrow, high := storetest.Rating(100, now, 2), storetest.Rating(101, now.AddDate(0, 0, 1), 2), storetest.Rating(102, now, 5)
	another.Origin.Device = storetest.ID(now, 999)
	prompt := createPrompt(t, s, storetest.Prompt(90, now, "88121"))
	for _, r := range []*surveys.Rating{another, tomorrow, high, asked(103, now, 1, prompt.ID)} {
		record(t, s, r)
	}
	opened(registers.UnaskedCallbacks + 3)
	mustVerify(t, s)
}

func TestRatingEvent(t *testing.T) {
	s := storetest.New(t)
	late := time.Date(2026, 11, 20, 17, 30, 0, 0, time.UTC) // 01:30 next day in Shanghai
	createPrompt(t, s, storetest.Prompt(90, late, "88121"))
	record(t, s, asked(1, late.Add(time.Second), 4, storetest.ID(late, 90)))
	got := events(t, s)
	for i := range got {
		if len(got[i].Staff) != 16 || strings.Contains(string(got[i].Staff), "1024") {
			t.Errorf("event %d: staff is %q, want 16 opaque digits", i, got[i].Staff)
		}
		got[i].Staff = "ref"
	}
	at := late.Add(time.Second).UnixMilli()
	want := []surveys.Event{
		{Kind: surveys.EventPromptOffered, At: at, Day: 20261121, Hour: 1, Department: "finance", Place: "settlement-1", Staff: "ref", Mode: surveys.ModeWindow, Series: surveys.SeriesAsked},
		{Kind: surveys.EventRatingRecorded, At: at, Day: 20261121, Hour: 1, Department: "finance", Place: "settlement-1", Staff: "ref",
			Version: storetest.Questionnaire().Version(), Item: "satisfaction", Mode: surveys.ModeWindow, Series: surveys.SeriesAsked, Grade: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestExpiryGrace(t *testing.T) {
	now := storetest.Noon()
	for _, tt := range []struct {
		late time.Duration
		want bool
	}{{-time.Second, false}, {5 * time.Second, false}, {5001 * time.Millisecond, true}} {
		t.Run(fmt.Sprint(tt.late), func(t *testing.T) {
			s := storetest.New(t)
			prompt := createPrompt(t, s, storetest.Prompt(90, now, "88121"))
			if got := record(t, s, asked(1, prompt.ExpiresAt.Add(tt.late), 5, prompt.ID)); got != surveys.OutcomeStored {
				t.Fatalf("outcome %s", got)
			}
			e := events(t, s)
			if last := e[len(e)-1]; last.Flagged != tt.want || last.Series != surveys.SeriesAsked {
				t.Errorf("flagged %t in series %s, want %t in asked", last.Flagged, last.Series, tt.want)
			}
		})
	}
}

func TestSelfTestNeverEntersARating(t *testing.T) {
	s := storetest.New(t)
	now := storetest.Noon()
	record(t, s, &surveys.SelfTest{ID: storetest.ID(now, 1), Origin: storetest.OriginAt(now), Place: "ward-3", KeyWorked: true})
	want := []surveys.Event{{Kind: surveys.EventSelfTested, At: now.UnixMilli(), Day: 20261121, Hour: 12, Department: "cardiology", Place: "ward-3",
		Device: storetest.Device().String(), KeyWorked: true}}
	if diff := cmp.Diff(want, events(t, s)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if open, _, _, err := s.CallbackCounts(t.Context(), 20261121); err != nil || open != 0 {
		t.Errorf("%d call-backs, %v", open, err)
	}
	mustVerify(t, s)
}

func TestPrompts(t *testing.T) {
	s := storetest.New(t)
	now := storetest.Noon()
	ctx := t.Context()
	first := createPrompt(t, s, storetest.Prompt(1, now, "88121"))
	again, created, err := s.CreatePrompt(ctx, storetest.Prompt(2, now.Add(time.Second), "88121"))
	if err != nil || created {
		t.Fatalf("again: created %t, %v", created, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("again (-first +again):\n%s", diff)
	}
	other := storetest.Prompt(3, now, "88121")
	other.Transaction.Kind = surveys.WindowPharmacy
	if _, _, err := s.CreatePrompt(ctx, other); !isErr(err, sqlstore.ErrTransactionConflict) {
		t.Errorf("another body: %v, want ErrTransactionConflict", err)
	}
	elsewhere := storetest.Prompt(4, now, "88121")
	elsewhere.Transaction.Window = "settlement-2"
	createPrompt(t, s, elsewhere)
	newer := createPrompt(t, s, storetest.Prompt(5, now.Add(10*time.Second), "88122"))
	open := func(at time.Time) surveys.FactID {
		p, err := s.FindOpenPrompt(ctx, "settlement-1", at)
		if err != nil && !isErr(err, sqlstore.ErrNotFound) {
			t.Fatal(err)
		}
		return p.ID
	}
	if got := open(now.Add(20 * time.Second)); got != newer.ID {
		t.Errorf("open prompt is %v, want the newer", got)
	}
	record(t, s, asked(6, now.Add(21*time.Second), 5, newer.ID))
	if got := open(now.Add(22 * time.Second)); got != first.ID {
		t.Errorf("with the newer rated the open prompt is %v, want the first", got)
	}
	if got := open(now.Add(time.Minute)); !got.IsZero() {
		t.Errorf("after expiry the open prompt is %v, want none", got)
	}
	offered, answered, err := s.WindowDay(ctx, "settlement-1", 20261121)
	if err != nil || offered != 1 || answered != 1 {
		t.Errorf("window's day: offered %d, answered %d, %v; want 1 and 1", offered, answered, err)
	}
	rated, err := s.FindPrompt(ctx, newer.ID)
	if err != nil || rated.State(now) != surveys.PromptRated || rated.ShownAt.IsZero() {
		t.Errorf("rated prompt: %+v, %v", rated, err)
	}
}
