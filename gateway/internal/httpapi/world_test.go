package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

const password = "清风徐来水波不兴举酒属客"

// quickHasher spares the tests the work that guessers are meant to have.
func quickHasher() *auth.Hasher { return auth.NewHasherWith(64, 1) }

// passwordHash is password, hashed once.
var passwordHash = sync.OnceValues(func() (string, error) { return quickHasher().Hash(context.Background(), password) })

// world is a server on a real store, with sockets that are not there and a
// clock that is moved by hand.
type world struct {
	*Server
	tb      testing.TB
	store   *sqlstore.Store
	tablets *fakeTablets
	boards  *fakeBoards
	logs    *logBuffer
	scores  Projection
	people  int
	mu      sync.Mutex
	ahead   time.Duration
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

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// sockets stands in for the websockets of screens.
type sockets struct {
	http.Handler
	online map[surveys.DeviceID]live.OnlineState
	did    []string
}

func (s *sockets) Online() map[surveys.DeviceID]live.OnlineState { return s.online }
func (s *sockets) Sockets() int                                  { return len(s.online) }

type fakeTablets struct {
	sockets
	prompts   []surveys.Prompt
	connected int
}

func (t *fakeTablets) Prompt(p surveys.Prompt) int {
	t.prompts = append(t.prompts, p)
	return t.connected
}
func (t *fakeTablets) Connected(surveys.PlaceID) int { return t.connected }
func (t *fakeTablets) Revoke(surveys.DeviceID)       { t.did = append(t.did, "revoke") }
func (t *fakeTablets) Disconnect(surveys.DeviceID)   { t.did = append(t.did, "disconnect") }

type fakeBoards struct{ sockets }

func (b *fakeBoards) RevokeDevice(surveys.DeviceID) { b.did = append(b.did, "revoke") }
func (b *fakeBoards) Disconnect(surveys.DeviceID)   { b.did = append(b.did, "disconnect") }
func (b *fakeBoards) Touch()                        { b.did = append(b.did, "touch") }

var (
	_ Tablets = (*fakeTablets)(nil)
	_ Boards  = (*fakeBoards)(nil)
	_ Tablets = (*live.Tablets)(nil)
	_ Boards  = (*live.Boards)(nil)
	_ Store   = (*sqlstore.Store)(nil)
)

// hospital has a unit below another, two windows, a ward and two people.
func hospital() *surveys.Organisation {
	text := func(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }
	return surveys.NewOrganisation(text("测试医院", "Test Hospital"), nil,
		[]surveys.Department{
			{ID: "finance", Name: text("财务处", "Finance"), Level: surveys.LevelFunctional},
			{ID: "internal", Name: text("大内科", "Internal Medicine"), Level: surveys.LevelFunctional},
			{ID: "cardiology", Name: text("心内科", "Cardiology"), Level: surveys.LevelClinical, Parent: "internal"},
		},
		[]surveys.Place{
			{ID: "settlement-1", Kind: surveys.PlaceWindow, Name: text("结算1号", "Settlement 1"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "settlement-2", Kind: surveys.PlaceWindow, Name: text("结算2号", "Settlement 2"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "cardiology-desk", Kind: surveys.PlaceWindow, Name: text("心内科服务台", "Cardiology Desk"), Department: "cardiology", WindowKind: surveys.WindowAdmission},
			{ID: "ward-3", Kind: surveys.PlaceWard, Name: text("心内三病区", "Ward 3"), Department: "cardiology", Beds: []surveys.BedID{"1", "2"}},
		},
		[]surveys.Staff{
			{ID: "1024", Name: text("王芳", "Wang Fang"), Department: "finance"},
			{ID: "2048", Name: text("李强", "Li Qiang"), Department: "cardiology"},
		})
}

// testRoles has a role for every permission, "all", "none", and a head whose
// permissions end at the own department.
func testRoles(tb testing.TB) *auth.Roles {
	tb.Helper()
	roles := []auth.Role{
		{ID: "all", Permissions: auth.Permissions()},
		{ID: "none"},
		{ID: "head", Permissions: []auth.Permission{auth.BoardView, auth.DevicesView, auth.DevicesManage, auth.CallbacksWork, auth.TransactionsCreate, auth.AuditView, auth.FollowupView}, OwnDepartment: true},
	}
	for _, p := range auth.Permissions() {
		roles = append(roles, auth.Role{ID: string(p), Permissions: []auth.Permission{p}})
		var others []auth.Permission
		for _, o := range auth.Permissions() {
			if o != p {
				others = append(others, o)
			}
		}
		roles = append(roles, auth.Role{ID: "all but " + string(p), Permissions: others})
	}
	r, err := auth.NewRoles(roles)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func screensFS() fstest.MapFS {
	files := fstest.MapFS{".gitkeep": {}}
	for _, name := range []string{"tablet", "board", "desk", "operator", "phonepage"} {
		files[name+".html"] = &fstest.MapFile{Data: []byte("<!doctype html><title>" + name + "</title>")}
	}
	files["assets/desk-EOzbjYqA.js"] = &fstest.MapFile{Data: []byte("export {}")}
	files["assets/desk-Bxem0NZ0.css"] = &fstest.MapFile{Data: []byte("body{}")}
	files["tablet-sw.js"] = &fstest.MapFile{Data: []byte("self")}
	files["tablet.webmanifest"] = &fstest.MapFile{Data: []byte("{}")}
	files["icons/192.png"] = &fstest.MapFile{Data: []byte("png")}
	return files
}

// newWorld starts a server; change may alter its options first.
func newWorld(tb testing.TB, change ...func(*Options)) *world {
	tb.Helper()
	w := &world{tb: tb, tablets: &fakeTablets{connected: 1}, boards: &fakeBoards{}, logs: &logBuffer{}}
	w.tablets.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	w.boards.Handler = w.tablets.Handler
	logger := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.store = storetest.New(tb, func(o *sqlstore.Options) { o.Now, o.Place, o.Logger = w.now, hospital().Place, logger })
	service, err := auth.New(tb.Context(), auth.Options{Store: w.store, Roles: testRoles(tb), Now: w.now, Hasher: quickHasher(), SessionError: SessionError})
	if err != nil {
		tb.Fatal(err)
	}
	o := Options{
		Store: w.store, Auth: service, Organisation: hospital(),
		Questionnaires: map[surveys.DeviceKind]*surveys.Questionnaire{surveys.DeviceWindowTablet: storetest.Questionnaire()},
		Calendar:       storetest.Weekdays{}, Tablets: w.tablets, Boards: w.boards, Projection: func() Projection { return w.scores },
		Screens: screensFS(), Registry: prometheus.NewRegistry(), Zone: storetest.Zone(), Now: w.now, Logger: logger,
		RequestsPerSecond: 10_000, RequestBurst: 100_000,
	}
	for _, c := range change {
		c(&o)
	}
	if w.Server, err = New(o); err != nil {
		tb.Fatal(err)
	}
	return w
}

// client is a browser or a program that calls the server.
type client struct {
	w      *world
	cookie *http.Cookie
	header http.Header
	remote string
	host   string
}

func (w *world) anybody() *client {
	return &client{w: w, header: http.Header{}, remote: "192.0.2.7:40000", host: "127.0.0.1:8080"}
}

// person makes an account with these roles and signs it in.
func (w *world) person(username string, department surveys.DepartmentID, roles ...string) *client {
	w.tb.Helper()
	w.account(username, department, roles...)
	c := w.anybody()
	w.people++ // each at an address of their own
	c.remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(w.people >> 8), byte(w.people)}), 4000).String()
	c.post("/api/v1/session", map[string]string{"username": username, "password": password}).want(http.StatusOK)
	return c
}

func (w *world) account(username string, department surveys.DepartmentID, roles ...string) sqlstore.Account {
	w.tb.Helper()
	hash, err := passwordHash()
	if err != nil {
		w.tb.Fatal(err)
	}
	a, err := w.store.CreateAccount(w.tb.Context(), sqlstore.Account{
		Username: username, Name: "张伟", Roles: roles, Department: department, PasswordHash: hash,
	}, sqlstore.Actor{Username: "test"})
	if err != nil {
		w.tb.Fatal(err)
	}
	return a
}

// reply is an answer under test.
type reply struct {
	*httptest.ResponseRecorder
	tb   testing.TB
	what string
}

func (c *client) do(method, target string, body any) *reply {
	c.w.tb.Helper()
	var reader io.Reader
	header := c.header.Clone()
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.w.tb.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(c.w.tb.Context(), method, target, reader)
	if body != nil && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	r.Header = header
	r.RemoteAddr, r.Host = c.remote, c.host
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	rec := httptest.NewRecorder()
	c.w.ServeHTTP(rec, r)
	for _, cookie := range rec.Result().Cookies() {
		if cookie.Name == auth.CookieName {
			c.cookie = cookie
			if cookie.MaxAge < 0 {
				c.cookie = nil
			}
		}
	}
	return &reply{rec, c.w.tb, method + " " + target}
}

func (c *client) get(target string) *reply { c.w.tb.Helper(); return c.do(http.MethodGet, target, nil) }
func (c *client) post(target string, body any) *reply {
	c.w.tb.Helper()
	return c.do(http.MethodPost, target, body)
}

// want checks the status.
func (r *reply) want(status int) *reply {
	r.tb.Helper()
	if r.Code != status {
		r.tb.Fatalf("%s = %d %s, want %d", r.what, r.Code, r.Body, status)
	}
	return r
}

// problem checks status and code of a refusal.
func (r *reply) problem(status int, code string) problemBody {
	r.tb.Helper()
	r.want(status)
	p := decodeReply[problemBody](r)
	if p.Code != code {
		r.tb.Errorf("%s answers code %q, want %q", r.what, p.Code, code)
	}
	if p.Message == "" {
		r.tb.Errorf("%s answers no message", r.what)
	}
	return p
}

// without checks that nothing of these is in the body.
func (r *reply) without(texts ...string) *reply {
	r.tb.Helper()
	for _, text := range texts {
		if strings.Contains(r.Body.String(), text) {
			r.tb.Errorf("%s answers %q, which is not to be told: %s", r.what, text, r.Body)
		}
	}
	return r
}

func decodeReply[T any](r *reply) (v T) {
	r.tb.Helper()
	if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil {
		r.tb.Fatalf("%s answers %s: %v", r.what, r.Body, err)
	}
	return v
}

// auditActions lists the newest actions in the audit log, newest first.
func (w *world) auditActions(n int) []string {
	w.tb.Helper()
	entries, err := w.store.AuditEntries(w.tb.Context(), 0, n)
	if err != nil {
		w.tb.Fatal(err)
	}
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action)
	}
	return actions
}

func (w *world) audited(action string) {
	w.tb.Helper()
	if got := w.auditActions(5); !slices.Contains(got, action) {
		w.tb.Errorf("the audit log ends with %v, want %s in it", got, action)
	}
}

func auditor() sqlstore.Actor { return sqlstore.Actor{Username: "test"} }
