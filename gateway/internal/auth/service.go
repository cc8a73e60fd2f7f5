package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// CookieName is the name of the session cookie.
const CookieName = "qingfeng_session"

// Store is what auth needs of the store.
type Store interface {
	scs.CtxStore
	// SetSessionAccount says whose session a (hashed) token is.
	SetSessionAccount(ctx context.Context, token string, id sqlstore.AccountID) error
	DeleteSessionsOf(ctx context.Context, id sqlstore.AccountID) error

	CountAccounts(ctx context.Context) (int64, error)
	Accounts(ctx context.Context) ([]sqlstore.Account, error)
	FindAccount(ctx context.Context, username string) (sqlstore.Account, error)
	FindAccountByID(ctx context.Context, id sqlstore.AccountID) (sqlstore.Account, error)
	CreateAccount(ctx context.Context, a sqlstore.Account, by sqlstore.Actor) (sqlstore.Account, error)
	UpdateAccount(ctx context.Context, a sqlstore.Account, what string, by sqlstore.Actor) (sqlstore.Account, error)
	RecordSignIn(ctx context.Context, id sqlstore.AccountID, ok bool, at, lockUntil time.Time) error
	AppendAudit(ctx context.Context, e sqlstore.AuditEntry) error
}

// Policy are the settings of sign-in. Zero values take the defaults.
type Policy struct {
	MaxTries int           // wrong passwords from one address before a lock-out (5); wholeFactor times as many from all
	Lock     time.Duration // how long a lock-out lasts (15 min)
	Idle     time.Duration // a session unused for this long ends (30 min)
	Lifetime time.Duration // a session ends after this whatever it did (12 h)
	Secure   bool          // the cookie goes over TLS only
}

// Defaults of Policy.
const (
	defaultMaxTries = 5
	defaultLock     = 15 * time.Minute
	defaultIdle     = 30 * time.Minute
	defaultLifetime = 12 * time.Hour
	// seenGranularity is how exactly idleness is kept: a session in use is
	// written to the store once a minute, not at every request.
	seenGranularity = time.Minute
	// wholeFactor times MaxTries wrong passwords from wherever lock an account
	// for every address it has not signed in from of late.
	wholeFactor = 10
)

func (p Policy) withDefaults() Policy {
	if p.MaxTries <= 0 {
		p.MaxTries = defaultMaxTries
	}
	if p.Lock <= 0 {
		p.Lock = defaultLock
	}
	if p.Idle <= 0 {
		p.Idle = defaultIdle
	}
	if p.Lifetime <= 0 {
		p.Lifetime = defaultLifetime
	}
	return p
}

// BoardPass is what a board ticket stands for: which account watches, and how
// much it may see.
type BoardPass struct {
	Account    sqlstore.AccountID
	Office     bool                 // the whole hospital
	Department surveys.DepartmentID // when not Office: this one only
	Until      time.Time            // when the session that asked ends for good
	session    string               // the session that asked, as the store knows it
	epoch      int64                // the account's when the ticket was given
}

// Options of New.
type Options struct {
	Store  Store
	Roles  *Roles
	Policy Policy
	Now    func() time.Time
	// Hasher hashes passwords; nil: NewHasher().
	Hasher *Hasher
	// Ended is told of every account whose sessions end, so that its boards
	// are closed too; nil: nobody is. It must not block.
	Ended func(sqlstore.AccountID)
	// SessionError answers a request whose session could not be read or
	// written.
	SessionError func(http.ResponseWriter, *http.Request, error)
}

// Service signs staff in and out and knows who is asking. It is safe for
// concurrent use.
type Service struct {
	store    Store
	roles    *Roles
	policy   Policy
	now      func() time.Time
	hasher   *Hasher
	ended    func(sqlstore.AccountID)
	sessions *scs.SessionManager
	tickets  *Tickets[BoardPass]
	near     *Tries[place]  // wrong passwords by name and address, of known and unknown names alike
	unknown  *Tries[string] // wrong passwords at names without account, from wherever
	familiar *familiar
	names    nameLocks
	nobody   string // the hash an unknown username is compared with
	accounts sync.Mutex
}

// New makes the service.
func New(_ context.Context, o Options) (*Service, error) {
	if o.Hasher == nil {
		o.Hasher = NewHasher()
	}
	if o.Ended == nil {
		o.Ended = func(sqlstore.AccountID) {}
	}
	p := o.Policy.withDefaults()
	sessions := scs.New()
	sessions.Store = o.Store
	sessions.HashTokenInStore = true
	sessions.Lifetime = p.Lifetime
	sessions.Cookie.Name = CookieName
	sessions.Cookie.HttpOnly = true
	sessions.Cookie.SameSite = http.SameSiteStrictMode
	sessions.Cookie.Secure = p.Secure
	sessions.Cookie.Path = "/"
	sessions.Cookie.Persist = false // ends with the browser
	if o.SessionError != nil {
		sessions.ErrorFunc = o.SessionError
	}
	return &Service{
		store: o.Store, roles: o.Roles, policy: p, now: o.Now, hasher: o.Hasher, ended: o.Ended,
		sessions: sessions, tickets: NewTickets[BoardPass](o.Now),
		near:     NewTries[place](p.MaxTries, unknownWindow, p.Lock),
		unknown:  NewTries[string](wholeFactor*p.MaxTries, unknownWindow, p.Lock),
		familiar: newFamiliar(),
		names:    newNameLocks(), nobody: o.Hasher.HashOfNobody(),
	}, nil
}

// Roles gives the hospital's roles.
func (s *Service) Roles() *Roles { return s.roles }

// Sessions is the middleware that reads and writes the session cookie. What is
// behind it may call SignIn, SignOut, Current and ChangePassword with the
// request's context.
func (s *Service) Sessions(next http.Handler) http.Handler { return s.sessions.LoadAndSave(next) }

// Ticket gives a signed-in person a pass to a board.
func (s *Service) Ticket(id *Identity) (text string, expires time.Time, err error) {
	if !id.May(BoardView) {
		return "", time.Time{}, errors.New("issue ticket: the account may not watch the board")
	}
	pass := BoardPass{Account: id.Account.ID, Office: id.Everywhere(BoardView), Until: id.Until, session: id.session, epoch: id.Account.SessionEpoch}
	if !pass.Office {
		pass.Department = id.Account.Department
	}
	return s.tickets.Issue(pass)
}

// RedeemTicket takes a board ticket; it is good once, and not when the session
// that asked for it has ended since, even if it was given a moment later by a
// request that was under way. A store that cannot be read refuses it.
func (s *Service) RedeemTicket(ctx context.Context, text string) (BoardPass, bool) {
	pass, ok := s.tickets.Redeem(text)
	if !ok {
		return BoardPass{}, false
	}
	if may, err := s.MayWatch(ctx, pass); err != nil || !may {
		return BoardPass{}, false
	}
	return pass, true
}

// MayWatch reports whether the session that asked for a pass still lives and
// its account is as it was then, whichever process may have ended them.
func (s *Service) MayWatch(ctx context.Context, pass BoardPass) (bool, error) {
	if _, alive, err := s.store.FindCtx(ctx, pass.session); err != nil || !alive {
		return false, err
	}
	account, err := s.store.FindAccountByID(ctx, pass.Account)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find account: %w", err)
	}
	return !account.Disabled && account.SessionEpoch == pass.epoch, nil
}
