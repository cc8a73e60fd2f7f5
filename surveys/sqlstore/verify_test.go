package sqlstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// filled is a store with some of everything.
func filled(t *testing.T, path string) *sqlstore.Store {
	t.Helper()
	s := storetest.Open(t, path)
	now := storetest.Noon()
	p := createPrompt(t, s, storetest.Prompt(90, now, "88121"))
	low := asked(1, now, 1, p.ID)
	record(t, s, low)
	add := detail(2, now, low.ID, "queue")
	add.Phone, add.Comment = "138 0013 8000", "等了一个小时"
	record(t, s, add)
	record(t, s, storetest.Rating(3, now, 5))
	for _, action := range []string{"first", "second", "third"} {
		if err := s.AppendAudit(t.Context(), sqlstore.AuditEntry{Actor: sqlstore.Actor{Account: 1, Username: "admin"}, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Each of these is damage done behind the store's back; verify must see it and
// say where.
func TestVerifyFindsDamage(t *testing.T) {
	for _, tt := range []struct{ name, damage, want string }{
		{"none", "SELECT 1", ""},
		{"a count changed", "UPDATE event_counts SET n = n + 1 WHERE kind = 1 AND grade = 5", "grade 5: kept 2, recounted 1"},
		{"a count lost", "DELETE FROM event_counts WHERE kind = 3", "kept 0, recounted 1"},
		{"a grade changed", "UPDATE ratings SET grade = 4 WHERE grade = 1", "grade 4: kept 0, recounted 1"},
		{"a rating lost", "DELETE FROM ratings WHERE grade = 5", "1 stored facts have no row"},
		{"a fact of another kind", "UPDATE facts SET kind = 3 WHERE kind = 2", "1 details are not registered"},
		{"an event lost", "DELETE FROM outbox WHERE sequence = 2", "outbox: 3 events from 1 to 4"},
		{"the last event lost", "DELETE FROM outbox WHERE sequence = 4", "the last given is 4"},
		{"a call-back lost", "DELETE FROM callbacks", "1 low ratings have no call-back"},
		{"a detail without a rating to come", "UPDATE details SET rating_day = 0, rating = (SELECT id FROM facts WHERE kind = 2)", "1 details wait for a rating that was set aside"},
		{"a prompt unrated", "UPDATE prompts SET rated_at = 0", "not marked as rated"},
		{"an audit entry changed", "UPDATE audit SET detail = 'nothing happened' WHERE sequence = 2", "entry 2 was changed"},
		{"an audit entry lost", "DELETE FROM audit WHERE sequence = 2", "entry 2 is missing"},
		{"the last audit entry lost", "DELETE FROM audit WHERE sequence = 3", "ends at entry 2, but 3 were written"},
		{"an audit entry's actor changed", "UPDATE audit SET actor = 'nobody' WHERE sequence = 1", "entry 1 was changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := filled(t, filepath.Join(t.TempDir(), "qingfeng.db"))
			if err := s.Meddle(t.Context(), tt.damage); err != nil {
				t.Fatal(err)
			}
			report, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(report.Problems, "; "); (tt.want == "") != report.OK() || !strings.Contains(got, tt.want) {
				t.Errorf("verify found %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestRebuildRollupsRepairsTheCounts(t *testing.T) {
	s := filled(t, filepath.Join(t.TempDir(), "qingfeng.db"))
	want := folded(t, s, 20990101)
	if err := s.Meddle(t.Context(), "UPDATE event_counts SET n = n * 3, grade = 2 WHERE kind = 1 AND grade = 5"); err != nil {
		t.Fatal(err)
	}
	if days, err := s.RebuildRollups(t.Context()); err != nil || days != 1 {
		t.Fatalf("%d days were wrong, %v; want one", days, err)
	}
	if diff := cmp.Diff(want, folded(t, s, 20990101)); diff != "" {
		t.Errorf("rebuilt counts (-want +got):\n%s", diff)
	}
	record(t, s, storetest.Rating(9, storetest.Noon(), 5)) // the writer's own memory of rows must be gone
	mustVerify(t, s)
}

// A command beside the gateway counts day by day, each in a commit of its own,
// and leaves the days alone that are right.
func TestAnotherProcessRebuilds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	gateway := filled(t, path)
	ctx, now := t.Context(), storetest.Noon()
	for i := range uint64(3) {
		record(t, gateway, storetest.Rating(20+i, now.AddDate(0, 0, -1-int(i)), 4))
	}
	command := storetest.Open(t, path)
	right := func() (id int64) {
		if err := command.Ask(ctx, &id, "SELECT id FROM event_counts WHERE day = 20261119"); err != nil {
			t.Fatal(err)
		}
		return id
	}
	before := right()
	if err := gateway.Meddle(ctx, "UPDATE event_counts SET n = 7 WHERE day IN (20261118, 20261120)"); err != nil {
		t.Fatal(err)
	}
	if err := gateway.Meddle(ctx, "DELETE FROM event_counts WHERE day = 20261121"); err != nil {
		t.Fatal(err)
	}
	commits := command.Stats().Commits
	if days, err := command.RebuildRollups(ctx); err != nil || days != 3 {
		t.Errorf("%d days were wrong, %v; want three", days, err)
	}
	if got := command.Stats().Commits - commits; got != 4 {
		t.Errorf("%d commits, want one for each day and one for the audit log", got)
	}
	if after := right(); after != before {
		t.Errorf("the row of a day that was right is %d, was %d", after, before)
	}
	record(t, gateway, storetest.Rating(9, now, 5))
	mustVerify(t, command)
	if days, err := command.RebuildRollups(ctx); err != nil || days != 0 {
		t.Errorf("again: %d days were wrong, %v", days, err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	path, copied, elsewhere := filepath.Join(dir, "qingfeng.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "other", "qingfeng.db")
	s := filled(t, path)
	ctx := t.Context()
	want := folded(t, s, 0)
	if err := s.Backup(ctx, copied); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, copied); !isErr(err, sqlstore.ErrExists) {
		t.Errorf("backing up over a backup: %v, want ErrExists", err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v; want mode 600", info, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".backup-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := sqlstore.Restore(ctx, copied, path, true); !isErr(err, sqlstore.ErrInUse) {
		t.Errorf("restoring over an open store: %v, want ErrInUse", err)
	}
	record(t, s, storetest.Rating(50, storetest.Noon(), 3))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Restore(ctx, copied, path, false); !isErr(err, sqlstore.ErrExists) {
		t.Errorf("restoring over a store: %v, want ErrExists", err)
	}
	damaged := filepath.Join(dir, "damaged.db")
	if err := os.WriteFile(damaged, []byte(strings.Repeat("nothing ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Restore(ctx, damaged, path, true); !isErr(err, sqlstore.ErrForeignDatabase) {
		t.Errorf("restoring what is no backup: %v, want ErrForeignDatabase", err)
	}
	for to, overwrite := range map[string]bool{path: true, elsewhere: false} {
		if err := sqlstore.Restore(ctx, copied, to, overwrite); err != nil {
			t.Fatal(err)
		}
		restored := storetest.Open(t, to)
		if diff := cmp.Diff(want, folded(t, restored, 0)); diff != "" {
			t.Errorf("restored counts (-want +got):\n%s", diff)
		}
		mustVerify(t, restored)
	}
	if _, err := os.Stat(path + ".before-restore"); err != nil {
		t.Errorf("the replaced store is gone: %v", err)
	}
}
