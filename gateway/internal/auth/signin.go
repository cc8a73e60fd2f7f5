package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"qingfeng/surveys/sqlstore"
)

// Errors of signing in.
var (
	// ErrSignIn does not say whether the name, the password or neither was
	// right, or that the account is disabled.
	ErrSignIn = errors.New("username or password is wrong")
	// ErrNotSignedIn: there is no session, or it ended.
	ErrNotSignedIn = errors.New("not signed in")
)

// LockedError is returned while an account takes no password from where it was
// typed.
type LockedError struct{ RetryAfter time.Duration }

func (e *LockedError) Error() string {
	return fmt.Sprintf("locked out for another %s", e.RetryAfter.Round(time.Second))
}

// Keys of the session's values.
const (
	keyAccount  = "account"
	keyStamp    = "stamp"
	keySignedIn = "signed_in"
	keySeen     = "seen"
)

const (
	// unknownWindow is how long wrong tries are remembered where the store does
	// not count them, as good as for ever: a real account's are too.
	unknownWindow = 365 * 24 * time.Hour
	// nameStripes is over how many locks sign-ins are spread by name, so that
	// two at one name are counted one after the other.
	nameStripes = 64
)

// Identity is who is signed in and what they may do at this moment.
type Identity struct {
	Account     sqlstore.Account
	Permissions []Permission
	Until       time.Time    // when the session ends for good
	whole       []Permission // those that reach beyond the own department
	session     string       // as the store knows it
}

// May reports whether the permission is granted, for the whole hospital or for
// the own department. An account that must change its password may do nothing.
func (i *Identity) May(p Permission) bool {
	return !i.Account.MustChangePassword && slices.Contains(i.Permissions, p)
}

// Everywhere reports whether the permission holds for the whole hospital.
func (i *Identity) Everywhere(p Permission) bool { return i.May(p) && slices.Contains(i.whole, p) }

// OwnDepartmentOnly reports whether nothing the account may do reaches beyond
// its own department.
func (i *Identity) OwnDepartmentOnly() bool { return len(i.whole) == 0 }

// Actor is the identity as audit entries name it.
func (i *Identity) Actor() sqlstore.Actor {
	return sqlstore.Actor{Account: i.Account.ID, Username: i.Account.Username}
}

// SignIn checks a password and, when it is right, starts a session under a new
// token. Errors: ErrSignIn, *LockedError, ErrBusy. Whether the account exists
// can be told neither from the answer nor from its time: an unknown name is
// hashed against, counted, locked and audited like a known one. from is where
// the password was typed: wrong ones count by name and address, so that nobody
// locks somebody else out of an account, and much later for the whole account.
func (s *Service) SignIn(ctx context.Context, from netip.Addr, username, password string) (*Identity, error) {
	name := NormalUsername(username)
	at := place{nameKey(name), addressPrefix(from)}
	release, err := s.names.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	account, err := s.store.FindAccount(ctx, name)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil, s.refuseUnknown(ctx, at, password)
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	account, err = s.checkPassword(ctx, at, account, password)
	if err != nil {
		return nil, err
	}
	if s.hasher.Outdated(account.PasswordHash) {
		if account, err = s.rehash(ctx, account, password); err != nil {
			return nil, err
		}
	}
	if err := s.startSession(ctx, account); err != nil {
		return nil, err
	}
	who := s.identity(ctx, account, s.now())
	return who, s.audit(ctx, who.Actor(), "sign_in", "")
}

// rehash keeps a right password under today's parameters.
func (s *Service) rehash(ctx context.Context, a sqlstore.Account, password string) (sqlstore.Account, error) {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return a, fmt.Errorf("hash password: %w", err)
	}
	a, err = s.replacePassword(ctx, a, hash, a.MustChangePassword, "account.rehash_password", system())
	if errors.Is(err, ErrNotSignedIn) {
		return a, ErrSignIn
	}
	return a, err
}

func (s *Service) audit(ctx context.Context, by sqlstore.Actor, action, subject string) error {
	err := s.store.AppendAudit(ctx, sqlstore.AuditEntry{At: s.now(), Actor: by, Action: action, Subject: subject})
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

func (s *Service) refuseUnknown(ctx context.Context, at place, password string) error {
	now := s.now()
	if wait, ok := s.near.Begin(at, now); !ok {
		return &LockedError{wait}
	}
	if wait, ok := s.unknown.Begin(at.name, now); !ok {
		s.near.Undo(at)
		return &LockedError{wait}
	}
	if _, err := s.hasher.Verify(ctx, shortened(password), s.nobody); err != nil {
		return err
	}
	// The typed name is not kept: people type passwords into the wrong field.
	if err := s.audit(ctx, system(), "sign_in.unknown", ""); err != nil {
		return err
	}
	if s.near.Locked(at, now) || s.unknown.Locked(at.name, now) {
		if err := s.audit(ctx, system(), "sign_in.locked", ""); err != nil {
			return err
		}
	}
	return ErrSignIn
}

// beginTry counts a try at a known account, or says that it takes none from
// there.
func (s *Service) beginTry(at place, a sqlstore.Account, now time.Time) error {
	if first := s.near.Since(at); !first.IsZero() && unlockedSince(a, first) {
		s.near.Forget(at)
	}
	if wait, ok := s.near.Begin(at, now); !ok {
		return &LockedError{wait}
	}
	if wait := a.LockedUntil.Sub(now); !a.LockedUntil.IsZero() && wait > 0 && !s.familiar.has(at, now) {
		s.near.Undo(at)
		return &LockedError{wait}
	}
	return nil
}

// checkPassword verifies and records the try. The caller holds the name's lock.
func (s *Service) checkPassword(ctx context.Context, at place, a sqlstore.Account, password string) (sqlstore.Account, error) {
	now := s.now()
	if err := s.beginTry(at, a, now); err != nil {
		return a, err
	}
	ok, err := s.hasher.Verify(ctx, shortened(password), a.PasswordHash)
	if err != nil {
		return a, fmt.Errorf("check password: %w", err)
	}
	if len(password) > maxPasswordBytes || a.Disabled {
		ok = false
	}
	// The store counts on after a lock has run out; every so many lock.
	var lockUntil time.Time
	if !ok && (a.FailedTries+1)%(wholeFactor*s.policy.MaxTries) == 0 {
		lockUntil = now.Add(s.policy.Lock)
	}
	if err := s.store.RecordSignIn(ctx, a.ID, ok, now, lockUntil); err != nil {
		return a, fmt.Errorf("record sign-in: %w", err)
	}
	if ok {
		s.near.Forget(at)
		s.familiar.note(at, now)
	}
	if !lockUntil.IsZero() || s.near.Locked(at, now) {
		if err := s.audit(ctx, system(), "sign_in.locked", strconv.FormatInt(int64(a.ID), 10)); err != nil {
			return a, err
		}
	}
	if !ok {
		return a, ErrSignIn
	}
	a.FailedTries, a.LockedUntil, a.LastSignInAt = 0, time.Time{}, now
	return a, nil
}

// maxPasswordBytes is the most a password can be in UTF-8. Longer text is cut
// before it is hashed, and never right.
const maxPasswordBytes = 4 * MaxPassword

func shortened(password string) string {
	if len(password) > maxPasswordBytes {
		return password[:maxPasswordBytes]
	}
	return password
}

func (s *Service) startSession(ctx context.Context, a sqlstore.Account) error {
	if err := s.sessions.Clear(ctx); err != nil {
		return fmt.Errorf("clear session: %w", err)
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session token: %w", err)
	}
	now := s.now().Unix()
	s.sessions.Put(ctx, keyAccount, int64(a.ID))
	s.sessions.Put(ctx, keyStamp, stamp(a))
	s.sessions.Put(ctx, keySignedIn, now)
	s.sessions.Put(ctx, keySeen, now)
	token, _, err := s.sessions.Commit(ctx)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if err := s.store.SetSessionAccount(ctx, storedToken(token), a.ID); err != nil {
		return fmt.Errorf("name the session's account: %w", err)
	}
	return nil
}

// storedToken is a session token as the session manager hands it to the store
// (HashTokenInStore).
func storedToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// stamp ties a session to the password it was opened with and to the account's
// session epoch: once the account's sessions have ended a session of before is
// over, even one that a request in flight has just saved, and it stays so when
// the account is enabled again.
func stamp(a sqlstore.Account) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "session stamp\n%d\n%s", a.SessionEpoch, a.PasswordHash))
	return hex.EncodeToString(sum[:16])
}

// Current gives who is asking, from the store as it is now: a role taken away
// is gone at the next request. ErrNotSignedIn: nobody is.
func (s *Service) Current(ctx context.Context) (*Identity, error) {
	id := sqlstore.AccountID(s.sessions.GetInt64(ctx, keyAccount))
	if id == 0 {
		return nil, ErrNotSignedIn
	}
	now := s.now()
	seen := time.Unix(s.sessions.GetInt64(ctx, keySeen), 0)
	signedIn := time.Unix(s.sessions.GetInt64(ctx, keySignedIn), 0)
	if now.Sub(seen) >= s.policy.Idle || now.Sub(signedIn) >= s.policy.Lifetime {
		return nil, s.drop(ctx)
	}
	account, err := s.store.FindAccountByID(ctx, id)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil, s.drop(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	if account.Disabled || s.sessions.GetString(ctx, keyStamp) != stamp(account) {
		return nil, s.drop(ctx)
	}
	if now.Sub(seen) >= seenGranularity {
		s.sessions.Put(ctx, keySeen, now.Unix())
	}
	return s.identity(ctx, account, signedIn), nil
}

func (s *Service) drop(ctx context.Context) error {
	if err := s.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return ErrNotSignedIn
}

func (s *Service) identity(ctx context.Context, a sqlstore.Account, signedIn time.Time) *Identity {
	granted, whole := s.roles.Granted(a.Roles)
	return &Identity{
		Account: a, Permissions: granted, whole: whole, Until: signedIn.Add(s.policy.Lifetime), session: storedToken(s.sessions.Token(ctx)),
	}
}

// SignOut ends the session, and the boards the account opened.
func (s *Service) SignOut(ctx context.Context, id *Identity) error {
	if err := s.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	s.tickets.Void(func(p BoardPass) bool { return p.Account == id.Account.ID })
	s.ended(id.Account.ID)
	return nil
}

// ChangePassword replaces the own password. It ends the account's other
// sessions and boards; this one goes on under a new token. A wrong current
// password counts towards the lock-out. Errors: ErrSignIn, *LockedError,
// *WeakPasswordError, ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, from netip.Addr, id *Identity, current, next string) error {
	release, err := s.names.lock(ctx, id.Account.Username)
	if err != nil {
		return err
	}
	defer release()
	account, err := s.store.FindAccountByID(ctx, id.Account.ID)
	if err != nil {
		return fmt.Errorf("find account: %w", err)
	}
	if err := CheckPassword(account.Username, next); err != nil {
		return err
	}
	at := place{nameKey(account.Username), addressPrefix(from)}
	if account, err = s.checkPassword(ctx, at, account, current); err != nil {
		return err
	}
	if string(normalPassword(current)) == string(normalPassword(next)) {
		return &WeakPasswordError{PasswordUnchanged}
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	if account, err = s.replacePassword(ctx, account, hash, false, "account.change_password", id.Actor()); err != nil {
		return err
	}
	s.endBoards(account.ID)
	return s.startSession(ctx, account)
}

// nameLocks lets one sign-in at a time through for a name.
type nameLocks [nameStripes]chan struct{}

func newNameLocks() (l nameLocks) {
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

func (l *nameLocks) lock(ctx context.Context, name string) (release func(), err error) {
	h := fnv.New32a()
	h.Write([]byte(name))
	stripe := l[h.Sum32()%nameStripes]
	select {
	case stripe <- struct{}{}:
		return func() { <-stripe }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to sign in: %w", ctx.Err())
	}
}

// nameKey is a name as the tries of unknown accounts keep it: of fixed length
// whatever was typed.
func nameKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return string(sum[:])
}
