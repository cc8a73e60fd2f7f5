package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/httpapi"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// atTheConsole is who acts when a command does, in the audit log.
var atTheConsole = sqlstore.Actor{Username: "console"}

// newAuth builds sign-in over the store from the settings.
func newAuth(ctx context.Context, cfg *config.Config, store *sqlstore.Store, ended func(sqlstore.AccountID)) (*auth.Service, error) {
	var list []auth.Role
	for _, r := range cfg.RoleList() {
		role := auth.Role{ID: r.ID, Name: r.Name, OwnDepartment: r.OwnDepartment}
		for _, p := range r.Permissions {
			role.Permissions = append(role.Permissions, auth.Permission(p))
		}
		list = append(list, role)
	}
	roles, err := auth.NewRoles(list)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return auth.New(ctx, auth.Options{
		Store: store, Roles: roles, Now: time.Now, Ended: ended, SessionError: httpapi.SessionError,
		Policy: auth.Policy{
			MaxTries: cfg.Accounts.Tries, Lock: cfg.Accounts.Lock(),
			Idle: cfg.Accounts.SessionIdle(), Lifetime: cfg.Accounts.SessionLife(),
			Secure: strings.HasPrefix(cfg.PublicURL, "https://") || cfg.Listen.TLS.Enabled(),
		},
	})
}

type userCommand struct {
	List          userListCommand   `cmd:"" help:"List accounts."`
	Create        userCreateCommand `cmd:"" help:"Create an account and print its one-time password."`
	ResetPassword userResetCommand  `cmd:"" help:"Give an account a new one-time password and end its sessions."`
	Unlock        userUnlockCommand `cmd:"" help:"End a lock-out."`
}

func withAccounts(ctx context.Context, line *commands, w world, fn func(*auth.Service, *sqlstore.Store) error) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		service, err := newAuth(ctx, cfg, store, nil)
		if err != nil {
			return err
		}
		return fn(service, store)
	})
}

type userListCommand struct{}

// Run lists accounts.
func (userListCommand) Run(ctx context.Context, line *commands, w world) error {
	return withAccounts(ctx, line, w, func(_ *auth.Service, store *sqlstore.Store) error {
		accounts, err := store.Accounts(ctx)
		if err != nil {
			return fmt.Errorf("list accounts: %w", err)
		}
		table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "USERNAME\tNAME\tROLES\tSTATE")
		for _, a := range accounts {
			state := "in use"
			switch {
			case a.Disabled:
				state = "disabled"
			case a.LockedUntil.After(time.Now()):
				state = "locked out"
			case a.MustChangePassword:
				state = "has a one-time password"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Username, a.Name, strings.Join(a.Roles, ","), state)
		}
		return table.Flush()
	})
}

type userCreateCommand struct {
	Username   string   `arg:""`
	Name       string   `help:"The person's name." required:""`
	Roles      []string `help:"Roles, as configs/roles.yaml has them." required:"" name:"role"`
	Department string   `help:"Department, for roles that see only their own."`
}

// Run creates an account.
func (c userCreateCommand) Run(ctx context.Context, line *commands, w world) error {
	return withAccounts(ctx, line, w, func(service *auth.Service, _ *sqlstore.Store) error {
		_, password, err := service.CreateAccount(ctx, auth.NewAccount{
			Username: c.Username, Name: c.Name, Roles: c.Roles, Department: surveys.DepartmentID(c.Department),
		}, atTheConsole)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.stdout, "%s  %s  (once; to be changed at the first sign-in)\n", c.Username, password)
		return nil
	})
}

type userResetCommand struct {
	Username string `arg:""`
}

// Run gives a new one-time password.
func (c userResetCommand) Run(ctx context.Context, line *commands, w world) error {
	return withAccounts(ctx, line, w, func(service *auth.Service, store *sqlstore.Store) error {
		account, err := store.FindAccount(ctx, auth.NormalUsername(c.Username))
		if err != nil {
			return fmt.Errorf("find account: %w", err)
		}
		password, err := service.ResetPassword(ctx, account.ID, atTheConsole)
		if err != nil {
			return fmt.Errorf("reset password: %w", err)
		}
		fmt.Fprintf(w.stdout, "%s  %s  (once; to be changed at the first sign-in)\n", account.Username, password)
		return nil
	})
}

type userUnlockCommand struct {
	Username string `arg:""`
}

// Run ends a lock-out.
func (c userUnlockCommand) Run(ctx context.Context, line *commands, w world) error {
	return withAccounts(ctx, line, w, func(service *auth.Service, store *sqlstore.Store) error {
		account, err := store.FindAccount(ctx, auth.NormalUsername(c.Username))
		if err != nil {
			return fmt.Errorf("find account: %w", err)
		}
		if err := service.Unlock(ctx, account.ID, atTheConsole); err != nil {
			return fmt.Errorf("unlock account: %w", err)
		}
		fmt.Fprintf(w.stdout, "%s is unlocked\n", account.Username)
		return nil
	})
}

type tokenCommand struct {
	List   tokenListCommand   `cmd:"" help:"List tokens."`
	Create tokenCreateCommand `cmd:"" help:"Create a token and print it, once."`
	Revoke tokenRevokeCommand `cmd:"" help:"Revoke a token."`
}

type tokenListCommand struct{}

// Run lists tokens, never their text.
func (tokenListCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		tokens, err := store.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("list tokens: %w", err)
		}
		table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "TOKEN\tLABEL\tWINDOWS\tLAST USED\tSTATE")
		for _, t := range tokens {
			state, windows := "in use", "all"
			if !t.RevokedAt.IsZero() {
				state = "revoked"
			}
			if len(t.Windows) > 0 {
				windows = fmt.Sprint(t.Windows)
			}
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", t.ID, t.Label, windows, clock(t.LastUsedAt, cfg), state)
		}
		return table.Flush()
	})
}

type tokenCreateCommand struct {
	Label   string   `help:"What will use it." required:""`
	Windows []string `help:"Windows it may report for; all without it." name:"window"`
}

// Run creates a token.
func (c tokenCreateCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		var windows []surveys.PlaceID
		for _, id := range c.Windows {
			place, ok := cfg.Organisation().Place(surveys.PlaceID(id))
			if !ok || place.Kind != surveys.PlaceWindow {
				return usageError{fmt.Errorf("there is no window %q", id)}
			}
			windows = append(windows, place.ID)
		}
		text, hash := auth.NewSecret()
		token := sqlstore.Token{Label: c.Label, Windows: windows, Hash: hash, CreatedAt: time.Now()}
		if _, err := store.CreateToken(ctx, token, atTheConsole); err != nil {
			return fmt.Errorf("create token: %w", err)
		}
		fmt.Fprintln(w.stdout, text)
		return nil
	})
}

type tokenRevokeCommand struct {
	ID int64 `arg:"" name:"token"`
}

// Run revokes a token.
func (c tokenRevokeCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(_ *config.Config, store *sqlstore.Store) error {
		if err := store.RevokeToken(ctx, c.ID, atTheConsole); err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		fmt.Fprintf(w.stdout, "token %d is revoked\n", c.ID)
		return nil
	})
}
