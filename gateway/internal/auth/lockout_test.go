package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// guess types wrong passwords from an address until it is stopped, and gives
// how many were compared.
func (w *world) guess(tb testing.TB, from, username string, tries int) int {
	tb.Helper()
	own := w.from
	defer func() { w.from = own }()
	w.from = netip.MustParseAddr(from)
	for i := range tries {
		var locked *LockedError
		switch err := w.signIn(&jar{}, username, "wrong wrong wrong"); {
		case errors.As(err, &locked):
			return i
		case !errors.Is(err, ErrSignIn):
			tb.Fatal(err)
		}
	}
	return tries
}

func TestNobodyLocksSomebodyElseOut(t *testing.T) {
	w := newWorld(t)
	w.from = netip.MustParseAddr("10.20.0.5")
	w.person(t, "zhang.wei", "", "administrator")
	for _, username := range []string{"zhang.wei", "nobody"} {
		if n := w.guess(t, "10.99.0.1", username, 20); n != defaultMaxTries {
			t.Errorf("%s: %d guesses from one address were compared, want %d", username, n, defaultMaxTries)
		}
		if n := w.guess(t, "2001:db8::1", username, 3) + w.guess(t, "2001:db8::2:3", username, 20); n != defaultMaxTries {
			t.Errorf("%s: %d guesses from one /64 were compared, want %d", username, n, defaultMaxTries)
		}
	}
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("the administrator's own address: %v", err)
	}
	w.from = netip.MustParseAddr("10.20.0.6") // never seen before
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("another address of the administrator's: %v", err)
	}
}

// TestWholeAccountLocks guesses from many addresses, at a known and an unknown
// name alike.
func TestWholeAccountLocks(t *testing.T) {
	w := newWorld(t)
	w.from = netip.MustParseAddr("10.20.0.5")
	w.person(t, "zhang.wei", "", "administrator")
	attack := func(username string) (compared int) {
		for i := range 3 * wholeFactor {
			compared += w.guess(t, fmt.Sprintf("10.99.0.%d", i), username, 20)
		}
		return compared
	}
	for _, username := range []string{"zhang.wei", "nobody"} {
		if n := attack(username); n != wholeFactor*defaultMaxTries {
			t.Errorf("%s: %d guesses from many addresses were compared, want %d", username, n, wholeFactor*defaultMaxTries)
		}
	}
	own := w.from
	w.from = netip.MustParseAddr("10.20.0.6")
	var locked *LockedError
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); !errors.As(err, &locked) {
		t.Errorf("an address that never signed in: %v, want locked out", err)
	}
	w.from = own
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("the address that signed in before: %v", err)
	}
	w.pass(familiarFor + time.Hour)
	attack("zhang.wei")
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); !errors.As(err, &locked) {
		t.Errorf("an address that signed in more than 30 days ago: %v, want locked out", err)
	}
}

func TestAnotherProcessUnlocks(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "zhang.wei", "", "conduct_officer")
	w.pass(time.Second)
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	w.guess(t, "10.20.0.5", "zhang.wei", defaultMaxTries)
	w.from = netip.MustParseAddr("10.20.0.5")
	var locked *LockedError
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); !errors.As(err, &locked) {
		t.Fatalf("after %d wrong tries: %v, want locked out", defaultMaxTries, err)
	}
	fresh, err := w.store.FindAccountByID(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	unlock(&fresh)
	if _, err := w.store.UpdateAccount(t.Context(), fresh, "account.unlock", system()); err != nil {
		t.Fatal(err)
	}
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("after the store was told to unlock: %v", err)
	}
}

func TestFamiliarIsBounded(t *testing.T) {
	f := newFamiliar()
	f.max = 3
	now := time.Unix(0, 0)
	at := func(i int) place { return place{name: fmt.Sprint(i)} }
	for i := range 5 {
		f.note(at(i), now.Add(time.Duration(i)*time.Minute))
	}
	for i, want := range []bool{false, false, true, true, true} {
		if got := f.has(at(i), now.Add(time.Hour)); got != want {
			t.Errorf("sign-in %d is remembered: %v, want %v", i, got, want)
		}
	}
	if f.has(at(4), now.Add(4*time.Minute+familiarFor)) {
		t.Error("an address is familiar after 30 days")
	}
}
