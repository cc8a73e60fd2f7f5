package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// A backup taken while everybody rates holds all that was acknowledged before
// it began. Put into another house, with the key kept apart from it, it counts
// the same and its phone numbers can be read.
func TestProofBackupUnderLoad(t *testing.T) {
	const phone = "13912345678"
	s := newSite(t, "")
	load := newLoad(t, s, 6, 500)
	running := s.start()
	load.connect()
	load.complain(phone)
	load.begin()
	rated := func(n int64) {
		before := load.acks.Load()
		eventually(t, "the tablets rate", func() bool { return load.acks.Load() >= before+n })
	}
	rated(300)
	before := load.ledger.ackedIDs()
	file := filepath.Join(s.dir, "backup.db")
	s.command("backup", file)
	rated(300)
	load.drain()
	running.stop()
	load.prove()

	other := restored(t, s, file)
	other.proveKept(before)
	kept := other.foldStore()
	wall := other.enrol(1, surveys.DeviceWallBoard, "")[0]
	again := other.start()
	other.boardShows(other.hangBoard(wall, nil), totalsOf(kept))
	again.stop()
	if diff := cmp.Diff(kept, other.foldStore(), cmp.AllowUnexported(fact{})); diff != "" {
		t.Errorf("counts changed by being started on (-before +after):\n%s", diff)
	}
	other.withStore(func(ctx context.Context, store *sqlstore.Store) { proveReadable(ctx, t, store, phone) })
	other.verify()
	t.Logf("%d facts were acknowledged before the backup, it has %d", len(before), other.number("SELECT count(*) FROM facts"))
}

// complain is a patient who is very dissatisfied and wants to be called.
func (l *load) complain(phone string) {
	l.t.Helper()
	ctx, tablet := within(l.t, patience), l.tablets[0]
	rated, err := tablet.Rate(ctx, tabletclient.Rating{Grade: surveys.VeryDissatisfied})
	if err != nil {
		l.t.Fatal(err)
	}
	detailed, err := tablet.AddDetail(ctx, tabletclient.Detail{Rating: rated.ID, Phone: phone})
	if err != nil {
		l.t.Fatal(err)
	}
	l.ledger.make(rated.ID, fact{surveys.EventRatingRecorded, l.places[0], surveys.SeriesUnasked, surveys.VeryDissatisfied})
	l.ledger.make(detailed.ID, fact{surveys.EventRatingDetailed, l.places[0], surveys.SeriesUnasked, surveys.VeryDissatisfied})
	l.ledger.ack(rated)
	l.ledger.ack(detailed)
}

// restored puts a backup and the key into a new house.
func restored(t *testing.T, from *site, file string) *site {
	t.Helper()
	other := newSite(t, "")
	keys := filepath.Join(other.env["QINGFENG_DATA_DIR"], "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(from.env["QINGFENG_DATA_DIR"], "keys", "phone.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(keys, "phone.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	other.command("restore", file)
	return other
}

// proveReadable finds the call-back with a phone and reads its number.
func proveReadable(ctx context.Context, t *testing.T, store *sqlstore.Store, want string) {
	t.Helper()
	list, err := store.Callbacks(ctx, sqlstore.CallbackFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if !c.HasPhone {
			continue
		}
		if got, err := store.RevealPhone(ctx, c.ID, prover); err != nil || string(got) != want {
			t.Errorf("the phone number reads %q, %v; want %q", string(got), err, want)
		}
		return
	}
	t.Errorf("none of %d call-backs has a phone number", len(list))
}
