package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/workdays"
)

const goodPassword = "清风徐来水波不兴举酒属客"

// world is a service on a real store, with a clock that is moved by hand.
type world struct {
	*Service
	store *sqlstore.Store
	mu    sync.Mutex
	ahead time.Duration
	from  netip.Addr // where people sit
	ended []sqlstore.AccountID
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{}
	store, err := sqlstore.Open(tb.Context(), sqlstore.Options{
		Path: filepath.Join(tb.TempDir(), "qingfeng.db"), Zone: time.FixedZone("CST", 8*3600), PhoneKey: make([]byte, 32),
		Calendar: &workdays.Calendar{}, Now: w.now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	roles, err := NewRoles([]Role{
		{ID: "administrator", Permissions: []Permission{AccountsManage, AuditView}},
		{ID: "conduct_officer", Permissions: []Permission{BoardView, CallbacksWork}},
		{ID: "department_head", Permissions: []Permission{BoardView}, OwnDepartment: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.store = store
	w.Service, err = New(tb.Context(), Options{
		Store: store, Roles: roles, Now: w.now, Hasher: newHasher(quick()),
		Ended: func(id sqlstore.AccountID) { w.ended = append(w.ended, id) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// person makes an account whose password is goodPassword.
func (w *world) person(tb testing.TB, username string, department surveys.DepartmentID, roles ...string) sqlstore.Account {
	tb.Helper()
	a, first, err := w.CreateAccount(tb.Context(), NewAccount{Username: username, Name: "张伟", Roles: roles, Department: department}, system())
	if err != nil {
		tb.Fatal(err)
	}
	jar := &jar{}
	w.request(jar, func(ctx context.Context) {
		who, err := w.SignIn(ctx, w.from, username, first)
		if err != nil {
			tb.Fatal(err)
		}
		if err := w.ChangePassword(ctx, w.from, who, first, goodPassword); err != nil {
			tb.Fatal(err)
		}
	})
	return a
}

// jar is a browser's one cookie.
type jar struct{ cookie *http.Cookie }

// request runs what a handler would, with the session of the jar's cookie.
func (w *world) request(j *jar, do func(ctx context.Context)) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if j.cookie != nil {
		r.AddCookie(j.cookie)
	}
	rec := httptest.NewRecorder()
	w.Sessions(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		do(r.Context())
		rw.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			c = nil
		}
		j.cookie = c
	}
}

func (w *world) signIn(j *jar, username, password string) (err error) {
	w.request(j, func(ctx context.Context) { _, err = w.SignIn(ctx, w.from, username, password) })
	return err
}

func (w *world) current(j *jar) (who *Identity, err error) {
	w.request(j, func(ctx context.Context) { who, err = w.Current(ctx) })
	return who, err
}

func TestFirstAdministrator(t *testing.T) {
	w := newWorld(t)
	password, created, err := w.FirstAdministrator(t.Context())
	if err != nil || !created {
		t.Fatalf("FirstAdministrator = %v, %v, want an account made", created, err)
	}
	if again, created, err := w.FirstAdministrator(t.Context()); err != nil || created || again != "" {
		t.Errorf("the second FirstAdministrator = %q, %v, %v, want nothing done", again, created, err)
	}
	j := &jar{}
	if err := w.signIn(j, "admin", password); err != nil {
		t.Fatal(err)
	}
	who, err := w.current(j)
	if err != nil {
		t.Fatal(err)
	}
	if !who.Account.MustChangePassword || who.May(AccountsManage) {
		t.Error("the one-time password lets its owner do something before it is changed")
	}
	w.request(j, func(ctx context.Context) { err = w.ChangePassword(ctx, w.from, who, password, goodPassword) })
	if err != nil {
		t.Fatal(err)
	}
	if who, err = w.current(j); err != nil || !who.May(AccountsManage) || !who.Everywhere(AccountsManage) {
		t.Errorf("after the change: %v, %v, want accounts.manage", who, err)
	}
	if err := w.signIn(&jar{}, "admin", password); !errors.Is(err, ErrSignIn) {
		t.Errorf("the one-time password gives %v after it was changed, want ErrSignIn", err)
	}
}

func TestSignInRenewsTheToken(t *testing.T) {
	w := newWorld(t)
	w.person(t, "zhang.wei", "", "conduct_officer")
	planted := &jar{cookie: &http.Cookie{Name: CookieName, Value: strings.Repeat("A", 43)}}
	if err := w.signIn(planted, "zhang.wei", goodPassword); err != nil {
		t.Fatal(err)
	}
	first := planted.cookie.Value
	if first == strings.Repeat("A", 43) {
		t.Fatal("the planted token was kept: session fixation")
	}
	stolen := &jar{cookie: &http.Cookie{Name: CookieName, Value: first}}
	if err := w.signIn(planted, "Zhang.Wei ", goodPassword); err != nil { // signed in again over the old session
		t.Fatal(err)
	}
	if planted.cookie.Value == first {
		t.Error("the token of an earlier session was kept")
	}
	if _, err := w.current(stolen); !errors.Is(err, ErrNotSignedIn) {
		t.Errorf("the earlier token gives %v, want ErrNotSignedIn", err)
	}
	c := planted.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("cookie %v, want HttpOnly, SameSite=Strict, Path=/", c)
	}
}

func TestSignInRefusals(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "zhang.wei", "", "conduct_officer")
	disabled := w.person(t, "li.na", "", "conduct_officer")
	yes := true
	w.person(t, "root", "", "administrator")
	if _, err := w.ChangeAccount(t.Context(), disabled.ID, AccountChange{Disabled: &yes}, system()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, username, password string }{
		{"wrong password", a.Username, "something else entirely"},
		{"empty password", a.Username, ""},
		{"unknown account", "nobody", goodPassword},
		{"empty username", "", goodPassword},
		{"disabled account", "li.na", goodPassword},
		{"endless password", a.Username, goodPassword + strings.Repeat("x", 60_000)},
		{"endless username", strings.Repeat("x", 60_000), goodPassword},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &jar{}
			if err := w.signIn(j, tt.username, tt.password); err != ErrSignIn { //nolint:errorlint // the very same for all
				t.Errorf("SignIn = %v, want ErrSignIn itself", err)
			}
			if j.cookie != nil {
				t.Errorf("a refused sign-in sets the cookie %v", j.cookie)
			}
		})
	}
}

// TestLockOut holds a known and an unknown account to the same behaviour.
func TestLockOut(t *testing.T) {
	w := newWorld(t)
	w.person(t, "zhang.wei", "", "conduct_officer")
	for _, username := range []string{"zhang.wei", "nobody"} {
		t.Run(username, func(t *testing.T) {
			for round := range 2 {
				for i := range defaultMaxTries {
					if err := w.signIn(&jar{}, username, "wrong wrong wrong"); !errors.Is(err, ErrSignIn) {
						t.Fatalf("round %d, try %d = %v, want ErrSignIn", round, i+1, err)
					}
				}
				var locked *LockedError
				if err := w.signIn(&jar{}, username, goodPassword); !errors.As(err, &locked) {
					t.Fatalf("round %d, after %d wrong tries the right password gives %v, want a lock-out", round, defaultMaxTries, err)
				}
				if locked.RetryAfter <= 14*time.Minute || locked.RetryAfter > 15*time.Minute {
					t.Errorf("locked for %v, want 15 min", locked.RetryAfter)
				}
				w.pass(15*time.Minute + time.Second)
			}
		})
	}
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("after the lock ran out the right password gives %v", err)
	}
	for i := range 2 * defaultMaxTries { // never MaxTries in a row
		password := "wrong wrong wrong"
		if i%(defaultMaxTries-1) == defaultMaxTries-2 {
			password = goodPassword
		}
		var locked *LockedError
		if err := w.signIn(&jar{}, "zhang.wei", password); errors.As(err, &locked) {
			t.Fatalf("try %d is locked out although good ones came between", i)
		}
	}
}

func TestUnlock(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "zhang.wei", "", "conduct_officer")
	for range defaultMaxTries {
		if err := w.signIn(&jar{}, "zhang.wei", "wrong wrong wrong"); !errors.Is(err, ErrSignIn) {
			t.Fatal(err)
		}
	}
	if err := w.Unlock(t.Context(), a.ID, system()); err != nil {
		t.Fatal(err)
	}
	if err := w.signIn(&jar{}, "zhang.wei", goodPassword); err != nil {
		t.Errorf("after Unlock: %v", err)
	}
}

func TestSignInRaisesAnOlderHash(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "zhang.wei", "", "conduct_officer")
	w.hasher.params.memory *= 2
	for range 2 {
		j := &jar{}
		if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := w.current(j); err != nil {
			t.Errorf("the session that raised the hash is over: %v", err)
		}
	}
	got, err := w.store.FindAccountByID(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if w.hasher.Outdated(got.PasswordHash) {
		t.Errorf("the hash is still %.30s", got.PasswordHash)
	}
}

func TestParallelGuessesCannotPassTheLimit(t *testing.T) {
	w := newWorld(t)
	w.person(t, "zhang.wei", "", "conduct_officer")
	const guesses = 20
	results := make(chan error, guesses)
	for range guesses {
		go func() { results <- w.signIn(&jar{}, "zhang.wei", "wrong wrong wrong") }()
	}
	tried := 0
	for range guesses {
		if err := <-results; errors.Is(err, ErrSignIn) {
			tried++
		}
	}
	if tried != defaultMaxTries {
		t.Errorf("%d of %d parallel guesses were compared, want %d", tried, guesses, defaultMaxTries)
	}
}

func TestSessionEnds(t *testing.T) {
	idle := defaultIdle
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, w *world, a sqlstore.Account)
		want bool // still signed in
	}{
		{"in use", func(_ *testing.T, w *world, _ sqlstore.Account) { w.pass(idle - time.Second) }, true},
		{"idle", func(_ *testing.T, w *world, _ sqlstore.Account) { w.pass(idle) }, false},
		{"disabled", func(t *testing.T, w *world, a sqlstore.Account) {
			yes := true
			if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Disabled: &yes}, system()); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"disabled and enabled again", func(t *testing.T, w *world, a sqlstore.Account) {
			for _, v := range []bool{true, false} {
				if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Disabled: &v}, system()); err != nil {
					t.Fatal(err)
				}
			}
		}, false},
		{"password reset", func(t *testing.T, w *world, a sqlstore.Account) {
			if _, err := w.ResetPassword(t.Context(), a.ID, system()); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"renamed", func(t *testing.T, w *world, a sqlstore.Account) {
			name := "张大伟"
			if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Name: &name}, system()); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.person(t, "root", "", "administrator")
			a := w.person(t, "zhang.wei", "", "conduct_officer")
			j := &jar{}
			if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
				t.Fatal(err)
			}
			tt.do(t, w, a)
			if _, err := w.current(j); (err == nil) != tt.want {
				t.Errorf("Current = %v, want signed in %v", err, tt.want)
			}
		})
	}
}

func TestSessionHasAnAbsoluteEnd(t *testing.T) {
	w := newWorld(t)
	w.person(t, "zhang.wei", "", "conduct_officer")
	j := &jar{}
	if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
		t.Fatal(err)
	}
	for range 23 { // busy all day
		w.pass(29 * time.Minute)
		if _, err := w.current(j); err != nil {
			t.Fatalf("a session in use ended early: %v", err)
		}
	}
	w.pass(defaultLifetime - 23*29*time.Minute)
	if _, err := w.current(j); !errors.Is(err, ErrNotSignedIn) {
		t.Errorf("after 12 h in use Current = %v, want ErrNotSignedIn", err)
	}
}

func TestChangingThePasswordEndsTheOtherSessions(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "zhang.wei", "", "conduct_officer")
	mine, other := &jar{}, &jar{}
	for _, j := range []*jar{mine, other} {
		if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	who, err := w.current(mine)
	if err != nil {
		t.Fatal(err)
	}
	ticket, _, err := w.Ticket(who)
	if err != nil {
		t.Fatal(err)
	}
	w.ended = nil
	before := mine.cookie.Value
	const next = "a new and different one"
	w.request(mine, func(ctx context.Context) { err = w.ChangePassword(ctx, w.from, who, goodPassword, next) })
	if err != nil {
		t.Fatal(err)
	}
	if mine.cookie.Value == before {
		t.Error("the token was not renewed")
	}
	if _, err := w.current(mine); err != nil {
		t.Errorf("the own session ended: %v", err)
	}
	if _, err := w.current(other); !errors.Is(err, ErrNotSignedIn) {
		t.Errorf("the other session gives %v, want ErrNotSignedIn", err)
	}
	if _, ok := w.RedeemTicket(t.Context(), ticket); ok {
		t.Error("a ticket from before is good")
	}
	if len(w.ended) == 0 || w.ended[0] != a.ID {
		t.Errorf("told that boards of %v end, want %v", w.ended, a.ID)
	}
}

func TestChangePasswordRefusals(t *testing.T) {
	w := newWorld(t)
	w.person(t, "zhang.wei", "", "conduct_officer")
	j := &jar{}
	if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
		t.Fatal(err)
	}
	who, err := w.current(j)
	if err != nil {
		t.Fatal(err)
	}
	change := func(current, next string) (err error) {
		w.request(j, func(ctx context.Context) { err = w.ChangePassword(ctx, w.from, who, current, next) })
		return err
	}
	var weak *WeakPasswordError
	if err := change(goodPassword, "short"); !errors.As(err, &weak) || weak.Problem != PasswordTooShort {
		t.Errorf("a short one gives %v", err)
	}
	if err := change(goodPassword, goodPassword); !errors.As(err, &weak) || weak.Problem != PasswordUnchanged {
		t.Errorf("the same one gives %v", err)
	}
	for range defaultMaxTries {
		if err := change("not the current one", "a new and different one"); !errors.Is(err, ErrSignIn) {
			t.Fatalf("a wrong current password gives %v, want ErrSignIn", err)
		}
	}
	var locked *LockedError
	if err := change(goodPassword, "a new and different one"); !errors.As(err, &locked) {
		t.Errorf("a stolen session may guess the password for ever: %v", err)
	}
}

func TestAccountRules(t *testing.T) {
	w := newWorld(t)
	w.person(t, "taken", "", "conduct_officer")
	for _, tt := range []struct {
		name string
		n    NewAccount
		want error
	}{
		{"fine", NewAccount{"Wang.Fang", "王芳", []string{"conduct_officer"}, ""}, nil},
		{"head with department", NewAccount{"head", "王芳", []string{"department_head"}, "cardiology"}, nil},
		{"head without department", NewAccount{"head2", "王芳", []string{"department_head"}, ""}, ErrDepartmentNeeded},
		{"no role", NewAccount{"x1", "王芳", nil, ""}, ErrNoRole},
		{"unknown role", NewAccount{"x2", "王芳", []string{"king"}, ""}, ErrRole},
		{"no name", NewAccount{"x3", "  ", []string{"conduct_officer"}, ""}, ErrName},
		{"no username", NewAccount{"", "王芳", []string{"conduct_officer"}, ""}, ErrUsername},
		{"taken in other letters", NewAccount{"TAKEN", "王芳", []string{"conduct_officer"}, ""}, sqlstore.ErrExists},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, password, err := w.CreateAccount(t.Context(), tt.n, system())
			if !errors.Is(err, tt.want) || (password == "") != (tt.want != nil) {
				t.Errorf("CreateAccount = %q, %v, want %v", password, err, tt.want)
			}
		})
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := newWorld(t)
	a := w.person(t, "root", "", "administrator")
	yes, no := true, []string{"conduct_officer"}
	for _, change := range []AccountChange{{Disabled: &yes}, {Roles: &no}} {
		if _, err := w.ChangeAccount(t.Context(), a.ID, change, system()); !errors.Is(err, ErrLastAdministrator) {
			t.Errorf("ChangeAccount = %v, want ErrLastAdministrator", err)
		}
	}
	w.person(t, "root2", "", "administrator")
	if _, err := w.ChangeAccount(t.Context(), a.ID, AccountChange{Disabled: &yes}, system()); err != nil {
		t.Errorf("with another administrator: %v", err)
	}
}

func TestTicketsCarryTheScope(t *testing.T) {
	w := newWorld(t)
	w.person(t, "officer", "", "conduct_officer")
	w.person(t, "head", "cardiology", "department_head")
	w.person(t, "root", "", "administrator")
	for _, tt := range []struct {
		username   string
		office     bool
		department surveys.DepartmentID
		refused    bool
	}{
		{"officer", true, "", false},
		{"head", false, "cardiology", false},
		{"root", false, "", true},
	} {
		t.Run(tt.username, func(t *testing.T) {
			j := &jar{}
			if err := w.signIn(j, tt.username, goodPassword); err != nil {
				t.Fatal(err)
			}
			who, err := w.current(j)
			if err != nil {
				t.Fatal(err)
			}
			text, _, err := w.Ticket(who)
			if (err != nil) != tt.refused {
				t.Fatalf("Ticket = %v, want refused %v", err, tt.refused)
			}
			if tt.refused {
				return
			}
			pass, ok := w.RedeemTicket(t.Context(), text)
			if !ok || pass.Office != tt.office || pass.Department != tt.department || pass.Account != who.Account.ID {
				t.Errorf("RedeemTicket = %+v, %v", pass, ok)
			}
			if left := pass.Until.Sub(w.now()); left <= 0 || left > defaultLifetime {
				t.Errorf("the board may stay for %v, want until the session ends", left)
			}
		})
	}
}

func TestARoleTakenAwayIsGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	w.person(t, "root", "", "administrator")
	a := w.person(t, "zhang.wei", "", "administrator")
	j := &jar{}
	if err := w.signIn(j, "zhang.wei", goodPassword); err != nil {
		t.Fatal(err)
	}
	account, err := w.store.FindAccountByID(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	account.Roles = []string{"conduct_officer"}
	if _, err := w.store.UpdateAccount(t.Context(), account, "account.change", system()); err != nil {
		t.Fatal(err)
	}
	if who, err := w.current(j); err == nil && who.May(AccountsManage) {
		t.Error("the role is gone and its permission is not")
	}
}

func TestNewRolesRefuses(t *testing.T) {
	for name, roles := range map[string][]Role{
		"no id":              {{}},
		"twice":              {{ID: "a"}, {ID: "a"}},
		"unknown permission": {{ID: "a", Permissions: []Permission{"everything"}}},
	} {
		if _, err := NewRoles(roles); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestGrantedJoinsRoles(t *testing.T) {
	roles, err := NewRoles([]Role{
		{ID: "head", Permissions: []Permission{BoardView, DevicesView}, OwnDepartment: true},
		{ID: "technician", Permissions: []Permission{DevicesView}},
	})
	if err != nil {
		t.Fatal(err)
	}
	granted, whole := roles.Granted([]string{"head", "technician", "a role that was removed"})
	if len(granted) != 2 || len(whole) != 1 || whole[0] != DevicesView {
		t.Errorf("granted %v, whole %v: want the board for the own department and devices everywhere", granted, whole)
	}
}
