package sqlstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

func isErr(err, want error) bool { return errors.Is(err, want) }

// Losing power must not lose what was acknowledged: that needs FULL, and the
// driver's own default is NORMAL.
func TestSettings(t *testing.T) {
	s := storetest.New(t)
	for name, want := range map[string]int64{"synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0} {
		if got, err := s.Pragma(t.Context(), name); err != nil || got != want {
			t.Errorf("writer's %s is %d (%v), want %d", name, got, err, want)
		}
	}
	var sync, readonly int64
	var mode string
	err := errors.Join(s.Ask(t.Context(), &sync, "PRAGMA synchronous"), s.Ask(t.Context(), &readonly, "PRAGMA query_only"), s.Ask(t.Context(), &mode, "PRAGMA journal_mode"))
	if err != nil || sync != 2 || readonly != 1 || mode != "wal" {
		t.Errorf("reader: synchronous %d, query_only %d, journal_mode %s, %v", sync, readonly, mode, err)
	}
	if _, err := s.Reading().ExecContext(t.Context(), "DELETE FROM facts"); err == nil {
		t.Error("a reader deleted facts")
	}
}

func TestFilesAreTheUsersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "a%20b?.db")
	s := storetest.Open(t, path)
	record(t, s, storetest.Rating(1, storetest.Noon(), 5))
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v; want mode 600", suffix, info, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	newer := func(path string, t *testing.T) {
		s := storetest.Open(t, path)
		if err := errors.Join(s.Meddle(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	foreign := func(path string, t *testing.T) {
		s := storetest.Open(t, path)
		if err := errors.Join(s.Meddle(t.Context(), "PRAGMA application_id = 42"), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	known := func(path string, t *testing.T) {
		if err := storetest.Open(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
	older := func(path string, t *testing.T) {
		if err := sqlstore.MigrateTo(t.Context(), path, 1); err != nil {
			t.Fatal(err)
		}
	}
	empty := func(path string, t *testing.T) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	existing := func(o *sqlstore.Options) { o.Existing = true }
	garbage := func(path string, t *testing.T) {
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		make   func(string, *testing.T)
		change func(*sqlstore.Options)
		want   error // nil: any
	}{
		{"a newer schema", newer, nil, sqlstore.ErrNewerSchema},
		{"another program's database", foreign, nil, sqlstore.ErrForeignDatabase},
		{"another key", known, func(o *sqlstore.Options) { o.PhoneKey = []byte(strings.Repeat("x", 32)) }, sqlstore.ErrWrongKey},
		{"a short key", known, func(o *sqlstore.Options) { o.PhoneKey = []byte("short") }, nil},
		{"what is no database", garbage, nil, nil},
		{"an older schema beside a gateway", older, existing, sqlstore.ErrOlderSchema},
		{"a newer schema beside a gateway", newer, existing, sqlstore.ErrNewerSchema},
		{"another program's database beside a gateway", foreign, existing, sqlstore.ErrForeignDatabase},
		{"another key beside a gateway", known, func(o *sqlstore.Options) { o.Existing, o.PhoneKey = true, []byte(strings.Repeat("x", 32)) }, sqlstore.ErrWrongKey},
		{"an empty file beside a gateway", empty, existing, sqlstore.ErrNoStore},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "qingfeng.db")
			tt.make(path, t)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			opt := storetest.Options(path)
			if tt.change != nil {
				tt.change(&opt)
			}
			s, err := sqlstore.Open(t.Context(), opt)
			if err == nil {
				_ = s.Close()
				t.Fatal("it opened")
			}
			if tt.want != nil && !isErr(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

func TestExistingCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	opt := storetest.Options(filepath.Join(dir, "qingfeng.db"))
	opt.Existing = true
	if s, err := sqlstore.Open(t.Context(), opt); !isErr(err, sqlstore.ErrNoStore) {
		t.Errorf("opened %v, %v; want ErrNoStore", s, err)
	}
	if _, err := os.Stat(dir); !isErr(err, os.ErrNotExist) {
		t.Errorf("the data directory: %v", err)
	}
}

// Every schema this program ever wrote opens and can be used.
func TestEveryOldSchemaMigrates(t *testing.T) {
	newest, err := sqlstore.NewestSchema()
	if err != nil || newest < 1 {
		t.Fatalf("newest schema: %d, %v", newest, err)
	}
	for version := int64(1); version <= newest; version++ {
		path := filepath.Join(t.TempDir(), "qingfeng.db")
		if err := sqlstore.MigrateTo(t.Context(), path, version); err != nil {
			t.Fatalf("make schema %d: %v", version, err)
		}
		s := storetest.Open(t, path)
		if got := record(t, s, storetest.Rating(1, storetest.Noon(), 1)); got != surveys.OutcomeStored {
			t.Errorf("schema %d: %s", version, got)
		}
		mustVerify(t, s)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	now := storetest.Noon()
	rating := storetest.Rating(1, now, 1)
	record(t, s, rating)
	record(t, s, detail(2, now, rating.ID, "queue"))
	want := folded(t, s, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("the log has %d bytes after closing", info.Size())
	}
	if _, err := s.Record(t.Context(), storetest.Rating(9, now, 5)); !isErr(err, sqlstore.ErrClosed) {
		t.Errorf("after closing: %v, want ErrClosed", err)
	}
	s = storetest.Open(t, path)
	if diff := cmp.Diff(want, folded(t, s, 0)); diff != "" {
		t.Errorf("counts after reopening (-before +after):\n%s", diff)
	}
	record(t, s, storetest.Rating(3, now, 1))
	if got := folded(t, s, 20261122); len(got) != 2 {
		t.Errorf("counts by day have %d groups, want the old ones to go on: %v", len(got), got)
	}
	mustVerify(t, s)
}

// Days before the line come from the counts by day, those after it from the
// facts, and together they are the same as a recount of all.
func TestFoldTakesEachDayOnce(t *testing.T) {
	s := storetest.New(t)
	if err := storetest.Seed(t.Context(), s, storetest.SeedOptions{Ratings: 12_000, Days: 3, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	sum := func(from surveys.Day) map[string]int64 {
		total := map[string]int64{}
		mark, err := s.Fold(t.Context(), from, func(e *surveys.Event, n int64) error {
			if (e.Hour == -1) != (e.Day < from) {
				t.Fatalf("from %d: hour %d on %d", from, e.Hour, e.Day)
			}
			c := *e
			c.Hour = 0
			total[string(surveys.AppendEvent(nil, &c))] += n
			return nil
		})
		if err != nil || mark != 12_000 {
			t.Fatalf("fold: watermark %d, %v", mark, err)
		}
		return total
	}
	want := sum(0)
	for _, from := range []surveys.Day{20261119, 20261120, 20261121, 20261122} {
		if diff := cmp.Diff(want, sum(from)); diff != "" {
			t.Errorf("from %d (-recount +mixed):\n%s", from, diff)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fold(ctx, 0, func(*surveys.Event, int64) error { return nil }); !isErr(err, context.Canceled) {
		t.Errorf("with its caller gone: %v", err)
	}
}
