package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"qingfeng/surveys/sqlstore"
)

// disableAndEnable ends an account's sessions and lets it sign in again.
func (w *world) disableAndEnable(tb testing.TB, id sqlstore.AccountID) {
	tb.Helper()
	for _, disabled := range []bool{true, false} {
		if _, err := w.ChangeAccount(tb.Context(), id, AccountChange{Disabled: &disabled}, system()); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestAnEndedSessionStaysEnded ends a session while a request of it is under
// way, which then writes it back.
func TestAnEndedSessionStaysEnded(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world, a sqlstore.Account, j *jar){
		"signed out": func(t *testing.T, w *world, _ sqlstore.Account, j *jar) {
			w.request(&jar{cookie: j.cookie}, func(ctx context.Context) {
				who, err := w.Current(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.SignOut(ctx, who); err != nil {
					t.Fatal(err)
				}
			})
		},
		"disabled and enabled again": func(t *testing.T, w *world, a sqlstore.Account, _ *jar) { w.disableAndEnable(t, a.ID) },
		"all sessions ended": func(t *testing.T, w *world, a sqlstore.Account, _ *jar) {
			if err := w.EndSessions(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
		},
		"a role taken and given back": func(t *testing.T, w *world, a sqlstore.Account, _ *jar) {
			for _, roles := range [][]string{{"department_head", "conduct_officer"}, {"conduct_officer"}} {
				if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Roles: &roles}, system()); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person(t, "root", "", "administrator")
			a := w.person(t, "zhang.wei", "cardiology", "conduct_officer")
			j := &jar{}
			if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
				t.Fatal(err)
			}
			w.pass(2 * seenGranularity) // so that the request has something to write
			var ticket string
			w.request(&jar{cookie: j.cookie}, func(ctx context.Context) {
				who, err := w.Current(ctx)
				if err != nil {
					t.Fatal(err)
				}
				end(t, w, a, j)
				if ticket, _, err = w.Ticket(who); err != nil {
					t.Fatal(err)
				}
			})
			if _, err := w.current(j); !errors.Is(err, ErrNotSignedIn) {
				t.Errorf("Current = %v, want ErrNotSignedIn", err)
			}
			if _, ok := w.RedeemTicket(t.Context(), ticket); ok {
				t.Error("a ticket given by the request that was under way is good")
			}
			if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
				t.Errorf("signing in anew: %v", err)
			}
		})
	}
}

// interrupted does something right after a password was found right.
type interrupted struct {
	*sqlstore.Store
	then func()
}

func (s *interrupted) RecordSignIn(ctx context.Context, id sqlstore.AccountID, ok bool, at, lockUntil time.Time) error {
	err := s.Store.RecordSignIn(ctx, id, ok, at, lockUntil)
	if s.then != nil {
		then := s.then
		s.then = nil
		then()
	}
	return err
}

func TestNothingIsBegunByWhatWasCheckedBefore(t *testing.T) {
	begin := func(t *testing.T) (*world, *interrupted, sqlstore.Account) {
		w := newWorld(t)
		w.person(t, "root", "", "administrator")
		a := w.person(t, "zhang.wei", "", "conduct_officer")
		store := &interrupted{Store: w.store}
		w.Service.store = store
		return w, store, a
	}
	t.Run("a sign-in", func(t *testing.T) {
		w, store, a := begin(t)
		store.then = func() { w.disableAndEnable(t, a.ID) }
		j := &jar{}
		if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := w.current(j); !errors.Is(err, ErrNotSignedIn) {
			t.Errorf("the session of a sign-in from before gives %v, want ErrNotSignedIn", err)
		}
	})
	t.Run("a change of password", func(t *testing.T) {
		w, store, a := begin(t)
		j := &jar{}
		if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
			t.Fatal(err)
		}
		who, err := w.current(j)
		if err != nil {
			t.Fatal(err)
		}
		disabled := true
		store.then = func() {
			if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Disabled: &disabled}, system()); err != nil {
				t.Fatal(err)
			}
		}
		w.request(j, func(ctx context.Context) {
			err = w.ChangePassword(ctx, w.from, who, goodPassword, "another good password")
		})
		if !errors.Is(err, ErrNotSignedIn) {
			t.Errorf("ChangePassword = %v, want ErrNotSignedIn", err)
		}
		if got, err := w.store.FindAccountByID(t.Context(), a.ID); err != nil || !got.Disabled {
			t.Errorf("the change enabled the account again: %+v, %v", got.Disabled, err)
		}
	})
}
