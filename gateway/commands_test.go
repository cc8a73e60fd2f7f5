package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// besides are the commands that work on a store beside the gateway.
func besides(s *site) [][]string {
	return [][]string{
		{"verify"}, {"rebuild"}, {"backup", filepath.Join(s.dir, "copy.db")}, {"user", "list"},
		{"user", "create", "somebody", "--name", "Somebody", "--role", "admin"}, {"device", "list"}, {"token", "list"},
		{"token", "create", "--label", "windows"},
	}
}

// try runs a command that is expected to fail.
func (s *site) try(args ...string) (code int, out string) {
	s.t.Helper()
	var both bytes.Buffer
	args = append([]string{"--config", s.env["QINGFENG_CONFIG"]}, args...)
	code = run(s.t.Context(), args, world{stdin: strings.NewReader(""), stdout: &both, stderr: &both, getenv: s.getenv})
	return code, both.String()
}

func TestOnlyServingMakesAStore(t *testing.T) {
	s := newSite(t, "")
	if out := s.command("check"); !strings.Contains(out, "will be created at the first start") {
		t.Errorf("check says %q", out)
	}
	for _, args := range besides(s) {
		if code, out := s.try(args...); code != exitFailed || !strings.Contains(out, "start the gateway once") {
			t.Errorf("%v without a store: exit code %d, %q", args, code, out)
		}
	}
	if _, err := os.Stat(s.env["QINGFENG_DATA_DIR"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory: %v; want it not to exist", err)
	}
}

func TestOnlyServingMigrates(t *testing.T) {
	s := newSite(t, "")
	s.serveOnce()
	path := s.config().StorePath()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	// What the newest migration did is undone in name only: that is enough to
	// be taken for an older version's.
	_, err = db.Exec("DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, args := range append(besides(s), []string{"check"}) {
		if code, out := s.try(args...); code != exitFailed || !strings.Contains(out, "start the gateway once with this version") {
			t.Errorf("%v on an older store: exit code %d, %q", args, code, out)
		}
	}
}

// serveOnce opens the store as serving does, and closes it.
func (s *site) serveOnce() {
	s.t.Helper()
	s.withStore(func(context.Context, *sqlstore.Store) {})
}

func TestSettingsSayWhenCallbacksAreDue(t *testing.T) {
	low := storetest.Rating(1, storetest.Noon(), surveys.VeryDissatisfied)
	due := map[string]surveys.Day{}
	for _, more := range []string{"", "callbacks: {close_workdays: 1}\n"} {
		newSite(t, more).withStore(func(ctx context.Context, store *sqlstore.Store) {
			if err := store.PublishQuestionnaire(ctx, storetest.Questionnaire()); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Record(ctx, low); err != nil || got != surveys.OutcomeStored {
				t.Fatalf("record: %s, %v", got, err)
			}
			c, err := store.FindCallback(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			due[more] = c.DueOn
		})
	}
	if usual, soon := due[""], due["callbacks: {close_workdays: 1}\n"]; soon >= usual || soon != 20261123 {
		t.Errorf("due on %d with one working day, on %d by default", soon, usual)
	}
}
