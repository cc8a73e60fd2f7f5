package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// Errors of managing accounts.
var (
	ErrUsername          = errors.New("username is not allowed")
	ErrName              = errors.New("name is empty or too long")
	ErrRole              = errors.New("no such role")
	ErrNoRole            = errors.New("account has no role")
	ErrDepartmentNeeded  = errors.New("the roles see one department only and the account names none")
	ErrOwnRoles          = errors.New("nobody changes the own roles")
	ErrDutiesApart       = errors.New("who manages accounts does not work on what patients said")
	ErrLastAdministrator = errors.New("nobody would be left who manages accounts")
)

const (
	firstAdministrator = "admin"
	// maxName bounds a person's name in characters.
	maxName = 80
)

// system is who acts when no person does.
func system() sqlstore.Actor { return sqlstore.Actor{Username: "system"} }

// NewAccount is what an administrator says of a new account.
type NewAccount struct {
	Username, Name string
	Roles          []string
	Department     surveys.DepartmentID
}

// AccountChange changes the fields that are not nil.
type AccountChange struct {
	Name       *string
	Roles      *[]string
	Department *surveys.DepartmentID
	Disabled   *bool
}

// FirstAdministrator creates the account "admin" with every role that manages
// accounts when the store has no account at all, and gives its one-time
// password, to be shown once. created is false when there are accounts.
func (s *Service) FirstAdministrator(ctx context.Context) (password string, created bool, err error) {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	n, err := s.store.CountAccounts(ctx)
	if err != nil {
		return "", false, fmt.Errorf("count accounts: %w", err)
	}
	if n > 0 {
		return "", false, nil
	}
	roles := s.roles.Administrators()
	if len(roles) == 0 {
		return "", false, fmt.Errorf("create first administrator: no role has %s", AccountsManage)
	}
	_, password, err = s.create(ctx, NewAccount{Username: firstAdministrator, Name: "系统管理员", Roles: roles}, system())
	if err != nil {
		return "", false, err
	}
	return password, true, nil
}

// CreateAccount makes an account with a one-time password. Errors: ErrUsername,
// ErrName, ErrRole, ErrNoRole, ErrDutiesApart, ErrDepartmentNeeded, sqlstore.ErrExists.
func (s *Service) CreateAccount(ctx context.Context, n NewAccount, by sqlstore.Actor) (sqlstore.Account, string, error) {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	return s.create(ctx, n, by)
}

func (s *Service) create(ctx context.Context, n NewAccount, by sqlstore.Actor) (sqlstore.Account, string, error) {
	account := sqlstore.Account{
		Username: NormalUsername(n.Username), Name: strings.TrimSpace(n.Name), Roles: normalRoles(n.Roles),
		Department: n.Department, MustChangePassword: true, CreatedAt: s.now(),
	}
	if !ValidUsername(account.Username) {
		return sqlstore.Account{}, "", ErrUsername
	}
	if err := s.check(account); err != nil {
		return sqlstore.Account{}, "", err
	}
	password := NewOneTimePassword()
	var err error
	if account.PasswordHash, err = s.hasher.Hash(ctx, password); err != nil {
		return sqlstore.Account{}, "", fmt.Errorf("hash password: %w", err)
	}
	account, err = s.store.CreateAccount(ctx, account, by)
	if err != nil {
		return sqlstore.Account{}, "", fmt.Errorf("create account: %w", err)
	}
	return account, password, nil
}

// ChangeAccount changes an account. Disabling it, and every change of roles or
// department, ends its sessions and boards. Errors: as CreateAccount, with
// sqlstore.ErrNotFound, ErrOwnRoles and ErrLastAdministrator.
func (s *Service) ChangeAccount(ctx context.Context, id sqlstore.AccountID, c AccountChange, by sqlstore.Actor) (sqlstore.Account, error) {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	account, err := s.store.FindAccountByID(ctx, id)
	if err != nil {
		return account, fmt.Errorf("find account: %w", err)
	}
	changed, end := false, false
	if c.Name != nil {
		account.Name, changed = strings.TrimSpace(*c.Name), true
	}
	if c.Roles != nil {
		roles := normalRoles(*c.Roles)
		if id == by.Account && !slices.Equal(roles, normalRoles(account.Roles)) {
			return account, ErrOwnRoles
		}
		account.Roles, changed, end = roles, true, true
	}
	if c.Department != nil {
		account.Department, changed, end = *c.Department, true, true
	}
	if c.Disabled != nil {
		account.Disabled, changed, end = *c.Disabled, true, true
	}
	if !changed {
		return account, nil
	}
	if err := s.check(account); err != nil {
		return account, err
	}
	if err := s.keepAdministrator(ctx, account); err != nil {
		return account, err
	}
	if account, err = s.store.UpdateAccount(ctx, account, "account.change", by); err != nil {
		return account, fmt.Errorf("update account: %w", err)
	}
	if end {
		err = s.EndSessions(ctx, id)
	}
	return account, err
}

// ResetPassword gives the account a new one-time password and ends its
// sessions and boards. It also lifts a lock-out.
func (s *Service) ResetPassword(ctx context.Context, id sqlstore.AccountID, by sqlstore.Actor) (string, error) {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	account, err := s.store.FindAccountByID(ctx, id)
	if err != nil {
		return "", fmt.Errorf("find account: %w", err)
	}
	password := NewOneTimePassword()
	if account.PasswordHash, err = s.hasher.Hash(ctx, password); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	account.MustChangePassword = true
	unlock(&account)
	if _, err := s.store.UpdateAccount(ctx, account, "account.reset_password", by); err != nil {
		return "", fmt.Errorf("update account: %w", err)
	}
	return password, s.EndSessions(ctx, id)
}

// Locks gives a function that says until when an account takes no password, for
// some address or for all; zero: it takes one from everywhere.
func (s *Service) Locks() func(a sqlstore.Account) time.Time {
	type lock struct{ since, until time.Time }
	now := s.now()
	locks := map[string][]lock{}
	s.near.Locks(now, func(p place, since, until time.Time) {
		locks[p.name] = append(locks[p.name], lock{since, until})
	})
	return func(a sqlstore.Account) time.Time {
		var until time.Time
		if a.LockedUntil.After(now) {
			until = a.LockedUntil
		}
		for _, l := range locks[nameKey(a.Username)] {
			if !unlockedSince(a, l.since) && l.until.After(until) {
				until = l.until
			}
		}
		return until
	}
}

// unlockedSince reports whether an administrator unlocked the account, perhaps
// from another process, after the try at first: it has no wrong tries, and
// nobody signed in to it since.
func unlockedSince(a sqlstore.Account, first time.Time) bool {
	return a.FailedTries == 0 && a.LastSignInAt.Before(first)
}

// Unlock lifts a lock-out, for every address.
func (s *Service) Unlock(ctx context.Context, id sqlstore.AccountID, by sqlstore.Actor) error {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	account, err := s.store.FindAccountByID(ctx, id)
	if err != nil {
		return fmt.Errorf("find account: %w", err)
	}
	unlock(&account)
	if _, err := s.store.UpdateAccount(ctx, account, "account.unlock", by); err != nil {
		return fmt.Errorf("update account: %w", err)
	}
	return nil
}

// EndSessions ends every session, ticket and board of an account, those that
// are just being opened too: none of them comes back.
func (s *Service) EndSessions(ctx context.Context, id sqlstore.AccountID) error {
	err := s.store.DeleteSessionsOf(ctx, id)
	s.endBoards(id)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// endBoards ends the tickets and boards of an account whose sessions have ended.
func (s *Service) endBoards(id sqlstore.AccountID) {
	s.tickets.Void(func(p BoardPass) bool { return p.Account == id })
	s.ended(id)
}

// replacePassword keeps a new hash for an account that is still as it was when
// its password was checked, and ends its sessions. ErrNotSignedIn: its sessions
// have ended since, and with them the right to do this.
func (s *Service) replacePassword(ctx context.Context, checked sqlstore.Account, hash string, mustChange bool, what string, by sqlstore.Actor) (sqlstore.Account, error) {
	s.accounts.Lock()
	defer s.accounts.Unlock()
	account, err := s.store.FindAccountByID(ctx, checked.ID)
	if err != nil {
		return account, fmt.Errorf("find account: %w", err)
	}
	if account.Disabled || account.SessionEpoch != checked.SessionEpoch {
		return account, ErrNotSignedIn
	}
	account.PasswordHash, account.MustChangePassword = hash, mustChange
	if account, err = s.store.UpdateAccount(ctx, account, what, by); err != nil {
		return account, fmt.Errorf("update account: %w", err)
	}
	return account, nil
}

func unlock(a *sqlstore.Account) {
	a.FailedTries = 0
	a.LockedUntil = time.Time{}
}

func normalRoles(roles []string) []string {
	roles = slices.Clone(roles)
	slices.Sort(roles)
	return slices.Compact(roles)
}

func (s *Service) check(a sqlstore.Account) error {
	if a.Name == "" || utf8.RuneCountInString(a.Name) > maxName || !utf8.ValidString(a.Name) {
		return ErrName
	}
	if len(a.Roles) == 0 {
		return ErrNoRole
	}
	for _, role := range a.Roles {
		if !s.roles.Has(role) {
			return ErrRole
		}
	}
	if granted, _ := s.roles.Granted(a.Roles); dutiesMeet(granted) {
		return ErrDutiesApart
	}
	if s.roles.NeedsDepartment(a.Roles) && a.Department == "" {
		return ErrDepartmentNeeded
	}
	return nil
}

// dutiesMeet reports whether permissions that have to be kept apart are together:
// managing accounts, and seeing what patients said or who they are.
func dutiesMeet(granted []Permission) bool {
	personal := func(p Permission) bool {
		return slices.Contains([]Permission{CallbacksWork, SetAsideWork, FollowupWork, IntakeOpen}, p)
	}
	return slices.Contains(granted, AccountsManage) && slices.ContainsFunc(granted, personal)
}

// keepAdministrator refuses a change after which no account in use manages
// accounts.
func (s *Service) keepAdministrator(ctx context.Context, changed sqlstore.Account) error {
	all, err := s.store.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	for _, a := range all {
		if a.ID == changed.ID {
			a = changed
		}
		if _, whole := s.roles.Granted(a.Roles); !a.Disabled && slices.Contains(whole, AccountsManage) {
			return nil
		}
	}
	return ErrLastAdministrator
}
