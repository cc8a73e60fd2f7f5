package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Account is a member of staff who may sign in at the desk.
type Account struct {
	ID                 AccountID
	Username           string // unique
	Name               string
	Roles              []string
	Department         surveys.DepartmentID
	PasswordHash       string
	MustChangePassword bool
	Disabled           bool
	FailedTries        int
	LockedUntil        time.Time
	CreatedAt          time.Time
	LastSignInAt       time.Time
	// SessionEpoch counts up whenever the account's sessions end. A session
	// opened under another number is over, whenever it was written.
	SessionEpoch int64
}

const accountColumns = `SELECT id, username, name, roles, department, password_hash, must_change_password, disabled, failed_tries,
	locked_until, created_at, last_sign_in_at, session_epoch FROM accounts`

func scanAccount(row interface{ Scan(...any) error }) (a Account, err error) {
	var roles string
	var locked, created, signedIn int64
	err = row.Scan(&a.ID, &a.Username, &a.Name, &roles, &a.Department, &a.PasswordHash, &a.MustChangePassword, &a.Disabled, &a.FailedTries,
		&locked, &created, &signedIn, &a.SessionEpoch)
	if err != nil {
		return Account{}, orNotFound(err)
	}
	a.LockedUntil, a.CreatedAt, a.LastSignInAt = moment(locked), moment(created), moment(signedIn)
	return a, json.Unmarshal([]byte(roles), &a.Roles)
}

// jsonList writes a list of names; nil and empty are "[]".
func jsonList[T ~string](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("list of strings always encodes: " + err.Error())
	}
	return string(text)
}

// CreateAccount adds an account and gives it its ID; ErrExists when the
// username is taken.
func (s *Store) CreateAccount(ctx context.Context, a Account, by Actor) (Account, error) {
	err := s.act(ctx, func(t *tx) error {
		a.CreatedAt = moment(milliseconds(t.now()))
		n, err := t.exec(`INSERT INTO accounts (username, name, roles, department, password_hash, must_change_password, disabled, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (username) DO NOTHING`, a.Username, a.Name, jsonList(a.Roles), string(a.Department),
			a.PasswordHash, a.MustChangePassword, a.Disabled, milliseconds(a.CreatedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrExists
		}
		if err := t.row("SELECT id FROM accounts WHERE username = ?", a.Username).Scan(&a.ID); err != nil {
			return err
		}
		return t.audit(by, "account.create", fmt.Sprint(a.ID), jsonList(a.Roles))
	})
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	return a, nil
}

// FindAccount finds an account by username, or ErrNotFound.
func (s *Store) FindAccount(ctx context.Context, username string) (Account, error) {
	a, err := scanAccount(s.reading.QueryRowContext(ctx, accountColumns+" WHERE username = ?", username))
	if err != nil {
		return Account{}, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

// FindAccountByID finds an account, or ErrNotFound.
func (s *Store) FindAccountByID(ctx context.Context, id AccountID) (Account, error) {
	a, err := scanAccount(s.reading.QueryRowContext(ctx, accountColumns+" WHERE id = ?", int64(id)))
	if err != nil {
		return Account{}, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

// Accounts lists every account, oldest first.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := s.reading.QueryContext(ctx, accountColumns+" ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (Account, error) { return scanAccount(rows) })
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// CountAccounts counts accounts, disabled ones too.
func (s *Store) CountAccounts(ctx context.Context) (int64, error) {
	var n int64
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM accounts").Scan(&n); err != nil {
		return 0, fmt.Errorf("count accounts: %w", err)
	}
	return n, nil
}

// UpdateAccount writes every field but ID, Username, CreatedAt, LastSignInAt
// and SessionEpoch. what is the audited action, such as "account.unlock". A new
// password hash, disabling or enabling ends the account's sessions in the same
// transaction; so does a change of roles, since a session may have been shown
// things the new roles do not allow. It gives the account as it now is.
func (s *Store) UpdateAccount(ctx context.Context, a Account, what string, by Actor) (Account, error) {
	err := s.act(ctx, func(t *tx) error {
		old, err := scanAccount(t.row(accountColumns+" WHERE id = ?", int64(a.ID)))
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE accounts SET name = ?, roles = ?, department = ?, password_hash = ?, must_change_password = ?, disabled = ?,
			failed_tries = ?, locked_until = ? WHERE id = ?`, a.Name, jsonList(a.Roles), string(a.Department), a.PasswordHash,
			a.MustChangePassword, a.Disabled, a.FailedTries, milliseconds(a.LockedUntil), int64(a.ID))
		if err != nil {
			return err
		}
		if a.Disabled || old.Disabled || a.PasswordHash != old.PasswordHash || jsonList(a.Roles) != jsonList(old.Roles) || a.Department != old.Department {
			if err := t.endSessionsOf(a.ID); err != nil {
				return err
			}
		}
		if a, err = scanAccount(t.row(accountColumns+" WHERE id = ?", int64(a.ID))); err != nil {
			return err
		}
		return t.audit(by, what, fmt.Sprint(a.ID), accountChanges(&old, &a))
	})
	if err != nil {
		return Account{}, fmt.Errorf("update account: %w", err)
	}
	return a, nil
}

// accountChanges names the fields that changed, and the roles: no name and no
// password goes into the log.
func accountChanges(old, a *Account) string {
	changes := map[string]any{}
	if old.Name != a.Name {
		changes["name"] = "changed"
	}
	if jsonList(old.Roles) != jsonList(a.Roles) {
		changes["roles"] = a.Roles
	}
	if old.Department != a.Department {
		changes["department"] = a.Department
	}
	if old.PasswordHash != a.PasswordHash {
		changes["password"] = "changed"
	}
	if old.Disabled != a.Disabled {
		changes["disabled"] = a.Disabled
	}
	if len(changes) == 0 {
		return ""
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return "unknown"
	}
	return string(text)
}

// RecordSignIn notes a try to sign in at the moment at. A good one clears the
// failed tries and the lock; a bad one counts, and locks the account until
// lockUntil unless that is zero.
func (s *Store) RecordSignIn(ctx context.Context, id AccountID, ok bool, at, lockUntil time.Time) error {
	err := s.act(ctx, func(t *tx) error {
		var n int64
		var err error
		if ok {
			n, err = t.exec("UPDATE accounts SET failed_tries = 0, locked_until = 0, last_sign_in_at = ? WHERE id = ?", milliseconds(at), int64(id))
		} else {
			n, err = t.exec("UPDATE accounts SET failed_tries = failed_tries + 1, locked_until = CASE ?1 WHEN 0 THEN locked_until ELSE ?1 END WHERE id = ?2",
				milliseconds(lockUntil), int64(id))
		}
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("record sign-in: %w", err)
	}
	return nil
}
