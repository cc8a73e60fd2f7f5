package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	// noon is when most tests take place: 2026-11-21 10:42 in the hospital.
	noon        = time.Date(2026, 11, 21, 2, 42, 7, 120e6, time.UTC)
	errNotFound = errors.New("not found")
	errBusy     = errors.New("too much waiting")
)

// patience bounds every wait for a condition; no test that passes needs it.
const patience = 20 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition without a place to wait at.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
		<-tick.C
	}
}

// fakeClock is the hospital's clock; it stands still until moved.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// fakeStore is a store in memory that can be held up and told what to answer.
type fakeStore struct {
	mu       sync.Mutex
	devices  map[surveys.DeviceID]surveys.Device
	facts    map[surveys.FactID]surveys.Fact
	order    []surveys.Fact
	aside    []live.SetAside
	prompts  map[surveys.PlaceID]surveys.Prompt
	touched  map[surveys.DeviceID]time.Time
	marked   []surveys.DeviceID
	versions map[surveys.VersionID]bool
	broken   error // what every call but Submit fails with

	held   bool
	queue  []func()
	answer func(f surveys.Fact) (surveys.Outcome, error) // nil: stored or duplicate
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		devices: map[surveys.DeviceID]surveys.Device{}, facts: map[surveys.FactID]surveys.Fact{},
		prompts: map[surveys.PlaceID]surveys.Prompt{}, touched: map[surveys.DeviceID]time.Time{}, versions: map[surveys.VersionID]bool{},
	}
}

func (s *fakeStore) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// look reads under the lock.
func look[T any](s *fakeStore, f func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

func (s *fakeStore) Submit(f surveys.Fact, done func(surveys.Outcome, error)) {
	s.mu.Lock()
	work := func() { done(s.record(f)) }
	if s.held {
		s.queue = append(s.queue, work)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	work()
}

func (s *fakeStore) record(f surveys.Fact) (surveys.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		if outcome, err := s.answer(f); outcome != surveys.OutcomeStored {
			return outcome, err
		}
	}
	if _, known := s.facts[f.FactID()]; known {
		return surveys.OutcomeDuplicate, nil
	}
	s.facts[f.FactID()] = f
	s.order = append(s.order, f)
	return surveys.OutcomeStored, nil
}

// hold keeps facts waiting until release.
func (s *fakeStore) hold() { s.change(func() { s.held = true }) }

func (s *fakeStore) release() {
	s.mu.Lock()
	queue := s.queue
	s.queue, s.held = nil, false
	s.mu.Unlock()
	for _, work := range queue {
		work()
	}
}

func (s *fakeStore) FindDevice(_ context.Context, id surveys.DeviceID) (surveys.Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.devices[id]
	switch {
	case s.broken != nil:
		return d, s.broken
	case !ok:
		return d, errNotFound
	}
	return d, nil
}

func (s *fakeStore) MarkSharedKey(_ context.Context, id surveys.DeviceID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	d := s.devices[id]
	d.SharedKeyAt = at
	s.devices[id] = d
	s.marked = append(s.marked, id)
	return nil
}

func (s *fakeStore) TouchDevices(_ context.Context, seen map[surveys.DeviceID]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range seen {
		s.touched[id] = at
	}
	return s.broken
}

func (s *fakeStore) Devices(context.Context) ([]surveys.Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.devices)), s.broken
}

func (s *fakeStore) FindOpenPrompt(_ context.Context, window surveys.PlaceID, now time.Time) (surveys.Prompt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.prompts[window]
	if !ok || !now.Before(p.ExpiresAt) {
		return surveys.Prompt{}, errNotFound
	}
	return p, nil
}

func (s *fakeStore) setAside(_ context.Context, f live.SetAside) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.aside = append(s.aside, f)
	return nil
}

func (s *fakeStore) knownVersion(_ context.Context, v surveys.VersionID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[v], s.broken
}

func text(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }

func sampleHospital() *surveys.Organisation {
	return surveys.NewOrganisation(
		text("青枫市第一人民医院", "Qingfeng First People's Hospital"),
		[]surveys.Phone{{Label: text("行风办", "Conduct office"), Number: "0510-8800 1200"}},
		[]surveys.Department{
			{ID: "finance", Name: text("财务处", "Finance"), Level: surveys.LevelFunctional},
			{ID: "cardiology", Name: text("心内科", "Cardiology"), Level: surveys.LevelClinical},
		},
		[]surveys.Place{
			{ID: "settlement-2", Kind: surveys.PlaceWindow, Name: text("2号结算窗口", "Payment window 2"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "settlement-3", Kind: surveys.PlaceWindow, Name: text("3号结算窗口", "Payment window 3"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "ward-7a", Kind: surveys.PlaceWard, Name: text("七病区A", "Ward 7A"), Department: "cardiology", Beds: []surveys.BedID{"12"}},
		},
		[]surveys.Staff{{ID: "1024", Name: text("李秋华", "Li Qiuhua"), Title: text("收费员", "Cashier"), Department: "finance"}},
	)
}

func samplePaper() *surveys.Questionnaire {
	grades := make([]surveys.Option, 5)
	for i := range grades {
		grades[i] = surveys.Option{ID: fmt.Sprint(i + 1), Text: surveys.Grade(i + 1).Text()}
	}
	return &surveys.Questionnaire{ID: "window", Revision: 1, Title: text("窗口评价", "Window rating"), Items: []surveys.Item{
		{ID: "overall", Kind: surveys.ItemGrade, Text: text("您对这次服务满意吗？", "How was this service?"), Options: grades},
		{
			ID: "why", Kind: surveys.ItemTags, Text: text("哪里不好？", "What went wrong?"), When: &surveys.Condition{Item: "overall", AtMost: 2},
			Options: []surveys.Option{{ID: "queue", Text: text("看病少排队", "Less queueing")}},
		},
	}}
}

// site is a running gateway of tablets and boards.
type site struct {
	t       testing.TB
	clock   *fakeClock
	store   *fakeStore
	tablets *live.Tablets
	boards  *live.Boards
	scores  *fakeScores
	tickets *fakeTickets
	lists   *fakeLists
	http    *httptest.Server
}

// start runs a site; change may alter what it is made of.
func start(t testing.TB, change ...func(*live.TabletOptions, *live.BoardOptions)) *site {
	t.Helper()
	s := &site{t: t, clock: &fakeClock{at: noon}, store: newFakeStore(), scores: newFakeScores(), tickets: &fakeTickets{}, lists: &fakeLists{}}
	door := live.DoorOptions{
		NotFound: errNotFound, Organisation: sampleHospital(),
		NineRules: []surveys.Text{text("合法按劳取酬，不接受商业提成", "Lawful pay, no commissions")},
		Settings:  live.Settings{IdleResetSeconds: 20, ThanksSeconds: 4, PromptSeconds: 60, Languages: []string{"zh", "en"}},
		Zone:      shanghai, Now: s.clock.now, Logger: slog.New(slog.DiscardHandler),
	}
	door.Origins = func(r *http.Request, origin string) bool {
		return live.SameOrigin("https://qingfeng.hospital.example", s.http.URL)(r, origin)
	}
	tablets := live.TabletOptions{
		DoorOptions: door, Store: s.store, SetAside: s.store.setAside, KnownVersion: s.store.knownVersion, Busy: errBusy,
		Questionnaires: map[surveys.DeviceKind]*surveys.Questionnaire{surveys.DeviceWindowTablet: samplePaper(), surveys.DeviceBedsideTablet: samplePaper()},
		Rules:          surveys.DefaultGamingRules(),
	}
	boards := live.BoardOptions{
		DoorOptions: door, Store: s.store, Scores: s.scores, Tickets: s.tickets,
		Callbacks: s.lists.callbacks, Devices: s.lists.devices, Coalesce: 5 * time.Millisecond,
	}
	for _, f := range change {
		f(&tablets, &boards)
	}
	var err error
	if s.tablets, err = live.NewTablets(tablets); err != nil {
		t.Fatal(err)
	}
	if s.boards, err = live.NewBoards(boards); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /ws/device", s.tablets)
	mux.Handle("GET /ws/board", s.boards)
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.stop)
	return s
}

func (s *site) stop() {
	s.http.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(s.tablets.Close(ctx), s.boards.Close(ctx)); err != nil {
		s.t.Errorf("close: %v", err)
	}
}

func withTimes(times live.Times) func(*live.TabletOptions, *live.BoardOptions) {
	return func(t *live.TabletOptions, b *live.BoardOptions) {
		live.SetTimes(&t.DoorOptions, times)
		live.SetTimes(&b.DoorOptions, times)
	}
}

func withLimits(l live.Limits) func(*live.TabletOptions, *live.BoardOptions) {
	return func(t *live.TabletOptions, b *live.BoardOptions) { t.Limits, b.Limits = l, l }
}

// deviceID is the id of the n-th device of a test.
func deviceID(n int) surveys.DeviceID {
	return surveys.NewFactID(noon.AddDate(0, -1, 0), [10]byte{8: byte(n >> 8), 9: byte(n)})
}

func factID(n int) surveys.FactID {
	return surveys.NewFactID(noon, [10]byte{7: 1, 8: byte(n >> 8), 9: byte(n)})
}

// enrol puts a device into the store.
func (s *site) enrol(n int, kind surveys.DeviceKind, place surveys.PlaceID) tabletclient.Identity {
	s.t.Helper()
	key, err := tabletclient.NewKey()
	if err != nil {
		s.t.Fatal(err)
	}
	point, err := tabletclient.PublicPoint(key)
	if err != nil {
		s.t.Fatal(err)
	}
	id := deviceID(n)
	s.store.change(func() {
		s.store.devices[id] = surveys.Device{
			ID: id, Kind: kind, Name: "2号窗口平板", Place: place, PublicKey: point, EnrolledAt: noon.AddDate(0, -1, 0),
		}
	})
	return tabletclient.Identity{Device: id, Key: key}
}

// window enrols a window tablet and connects it.
func (s *site) window(n int, change ...func(*tabletclient.Options)) *tabletclient.Tablet {
	s.t.Helper()
	return s.connect(s.enrol(n, surveys.DeviceWindowTablet, "settlement-2"), change...)
}

func (s *site) connect(identity tabletclient.Identity, change ...func(*tabletclient.Options)) *tabletclient.Tablet {
	s.t.Helper()
	opt := tabletclient.Options{
		Server: tabletclient.Server{URL: s.http.URL}, Identity: identity, Now: s.clock.now,
		FirstPause: 5 * time.Millisecond, LastPause: 50 * time.Millisecond,
	}
	for _, f := range change {
		f(&opt)
	}
	tablet := tabletclient.New(opt)
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	if err := tablet.Connect(ctx); err != nil {
		s.t.Fatalf("connect tablet: %v", err)
	}
	return tablet
}
