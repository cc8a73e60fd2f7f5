package auth

import (
	"errors"
	"testing"

	"qingfeng/surveys/sqlstore"
)

func TestDutiesAreKeptApart(t *testing.T) {
	w := newWorld(t)
	admin := w.person(t, "zhang.wei", "", "administrator")
	other := w.person(t, "li.na", "", "administrator")
	officer := w.person(t, "wang.fang", "", "conduct_officer")
	by := func(a sqlstore.Account) sqlstore.Actor { return sqlstore.Actor{Account: a.ID, Username: a.Username} }
	change := func(of, who sqlstore.Account, roles ...string) error {
		_, err := w.ChangeAccount(t.Context(), of.ID, AccountChange{Roles: &roles}, by(who))
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"one's own roles", change(admin, admin, "conduct_officer"), ErrOwnRoles},
		{"one more for oneself", change(admin, admin, "administrator", "conduct_officer"), ErrOwnRoles},
		{"one's own roles as they are", change(admin, admin, "administrator"), nil},
		{"both duties for another", change(officer, admin, "conduct_officer", "administrator"), ErrDutiesApart},
		{"another duty for another", change(other, admin, "conduct_officer"), nil},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	both := NewAccount{Username: "both", Name: "张伟", Roles: []string{"administrator", "conduct_officer"}}
	if _, _, err := w.CreateAccount(t.Context(), both, by(admin)); !errors.Is(err, ErrDutiesApart) {
		t.Errorf("a new account with both duties: %v, want %v", err, ErrDutiesApart)
	}
}

func TestWhatHasToBeKeptApart(t *testing.T) {
	for _, p := range Permissions() {
		want := p == CallbacksWork || p == SetAsideWork || p == FollowupWork || p == IntakeOpen
		if got := dutiesMeet([]Permission{AccountsManage, p}); got != want {
			t.Errorf("accounts.manage with %s is kept apart: %v, want %v", p, got, want)
		}
		if p != AccountsManage && dutiesMeet([]Permission{CallbacksWork, p}) {
			t.Errorf("callbacks.work with %s is kept apart", p)
		}
	}
}
