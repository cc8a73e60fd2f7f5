package auth

import (
	"context"
	"testing"

	"qingfeng/surveys/sqlstore"
)

// TestMayWatchHearsOfOtherProcesses changes the account through a service of
// its own on the same store, as a command beside the gateway does.
func TestMayWatchHearsOfOtherProcesses(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(other *Service, id sqlstore.AccountID) error
		want bool
	}{
		{"nothing", func(*Service, sqlstore.AccountID) error { return nil }, true},
		{"password reset", func(other *Service, id sqlstore.AccountID) error {
			_, err := other.ResetPassword(t.Context(), id, system())
			return err
		}, false},
		{"disabled", func(other *Service, id sqlstore.AccountID) error {
			yes := true
			_, err := other.ChangeAccount(t.Context(), id, AccountChange{Disabled: &yes}, system())
			return err
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.person(t, "zhang.wei", "", "conduct_officer")
			w.person(t, "root", "", "administrator")
			j := &jar{}
			if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
				t.Fatal(err)
			}
			var pass BoardPass
			w.request(j, func(ctx context.Context) {
				who, err := w.Current(ctx)
				if err != nil {
					t.Fatal(err)
				}
				ticket, _, err := w.Ticket(who)
				if err != nil {
					t.Fatal(err)
				}
				pass, _ = w.RedeemTicket(ctx, ticket)
			})
			other, err := New(t.Context(), Options{Store: w.store, Roles: w.roles, Now: w.now, Hasher: newHasher(quick())})
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.do(other, a.ID); err != nil {
				t.Fatal(err)
			}
			if may, err := w.MayWatch(t.Context(), pass); err != nil || may != tt.want {
				t.Errorf("MayWatch = %v, %v, want %v", may, err, tt.want)
			}
		})
	}
}
